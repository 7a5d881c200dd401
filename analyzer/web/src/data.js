// data.js: the report in the page's form (analyzer/report/html_report.h), as objects.

export async function readData(element) {
  const deflated = Uint8Array.from(atob(element.textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).json();
}

// Exact numbers are plain, estimates [value, low, high].
export const valueOf = (number) => (Array.isArray(number) ? number[0] : number ?? 0);
export const isExact = (number) => !Array.isArray(number);
export const lowOf = (number) => (Array.isArray(number) ? number[1] : number);
export const highOf = (number) => (Array.isArray(number) ? number[2] : number);

// Frames and stacks by number.
export class Tables {
  constructor({ strings, frames, stacks }) {
    this.strings = strings;
    this.columns = frames;
    this.stacks = stacks;
    this.frames = frames.function.map((name, i) => ({
      id: i,
      name: strings[name],
      file: strings[frames.file[i]],
      line: frames.line[i],
      module: strings[frames.module[i]],
      inlined: frames.inlined[i] === 1,
      own: frames.own[i] === 1,
      // Lines of a function are one node of a flame graph; what was inlined is another.
      node: name * 2 + frames.inlined[i],
    }));
  }

  // Leaf first.
  framesOf(stack) {
    if (Array.isArray(stack)) return stack.map((frame) => this.frames[frame]);
    const found = [];
    for (let at = stack; at !== 0; at = this.stacks.caller[at]) found.push(this.frames[this.stacks.frame[at]]);
    return found;
  }

  // The program's own function that a reader would call the place.
  placeOf(stack) {
    const frames = this.framesOf(stack);
    return frames.find((frame) => frame.own) ?? frames[0] ?? null;
  }
}
