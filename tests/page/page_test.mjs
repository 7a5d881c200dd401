// page_test.mjs DIR: the pages in DIR, in a real browser, held against the JSON reports beside them and against what the
// programs are known to do. Prints "ok - CLAIM" or "not ok - CLAIM"; DIR gets pictures.
//
// Packages are those of NODE_PATH; tests/scripts/page_test.sh makes DIR.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { formats } from '../../analyzer/web/src/format.js';
import { metricOf, Process, SLOTS } from '../../analyzer/web/src/model.js';

const [, , dir] = process.argv;
const { chromium } = createRequire(join(process.env.NODE_PATH, 'resolve.js'))('playwright-core');

let page;
const troubles = []; // of all pages

function claim(name, holds, ...why) {
  console.log(`${holds ? 'ok' : 'not ok'} - ${name}`);
  if (!holds) for (const line of why) console.log(`    ${typeof line === 'string' ? line : JSON.stringify(line)}`);
}
const claimEqual = (name, got, expected) => claim(name, JSON.stringify(got) === JSON.stringify(expected), `got ${JSON.stringify(got)}`, `expected ${JSON.stringify(expected)}`);

const json = (name) => JSON.parse(readFileSync(join(dir, `${name}.json`), 'utf8'));
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const near = (a, b, part) => Math.abs(a - b) <= part * Math.max(Math.abs(a), Math.abs(b), 1);

// A page of its own, so that nothing is left of the one before.
async function open(name, hash = '') {
  await page?.close();
  page = await browser.newPage({ viewport: { width: 1366, height: 820 } });
  page.on('console', (message) => { if (message.type() !== 'log') troubles.push(`${name}: ${message.text()}`); });
  page.on('pageerror', (error) => troubles.push(`${name}: ${error.stack}`));
  page.on('dialog', (dialog) => { troubles.push(`${name}: dialog`); dialog.dismiss(); });
  page.on('request', (request) => { if (!request.url().startsWith('file:')) troubles.push(`${name}: asks for ${request.url()}`); });
  await page.goto(`${pathToFileURL(join(dir, `${name}.html`))}${hash}`);
  await page.waitForSelector('html[data-ready]');
}
// What follows a change is drawn in the frames after it.
const drawn = async () => {
  await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))); }));
};
const to = async (hash) => { await page.evaluate((h) => { location.hash = h; }, hash); await drawn(); };
const settled = () => page.waitForTimeout(350); // transitions
const picture = (name) => page.screenshot({ path: join(dir, `${name}.png`) });
const values = (selector) => page.$$eval(selector, (all) => all.map((one) => Number(one.value)));
const card = async (id) => (await values(`#card-${id} data`))[0];
const texts = (selector) => page.$$eval(selector, (all) => all.map((one) => one.textContent));
const treeValue = (at = 0) => page.evaluate((i) => document.querySelectorAll('.graph')[i].__data__.data.value, at);
const frames = () => page.$$eval('.graph g.frame:not(.fade)', (all) => all.map((g) => g.getAttribute('name')));

async function figuresEqual(name) {
  const report = json(name);
  const { heap, locks } = report;
  await open(name);
  const expected = [heap.allocations, heap.bytes, heap.temporary, heap.peak_bytes, heap.leaked_bytes, locks.wait_ns].map((n) => n.value);
  const got = await Promise.all(['allocations', 'bytes', 'temporary', 'peak', 'leaked', 'wait'].map(card));
  claimEqual(`${name}: the cards have the report's figures`, got, expected);
  claimEqual(`${name}: the findings are the report's`, await texts('.finding .title'), report.findings.map(({ title }) => title));
  await picture(`${name}_overview`);

  await to('#view=sites');
  const rows = await page.$$eval('table[aria-label=sites] tbody tr', (all) => all.map((tr) => [...tr.querySelectorAll('data')].map((d) => Number(d.value))));
  const sites = heap.sites.slice(0, rows.length).map((s) => [s.allocations, s.bytes, s.temporary, s.peak_bytes, s.live_bytes, s.leaked_bytes].map((n) => n.value));
  claimEqual(`${name}: the sites are the report's, largest first`, rows, sites);

  for (const id of ['bytes', 'allocations', 'temporary', 'peak_bytes', 'live_bytes', 'leaked_bytes']) {
    const whole = sum(heap.sites.map((site) => site[id].value));
    if (whole === 0) continue;
    await to(`#view=flame&metric=${id}`);
    claimEqual(`${name}: the flame graph of ${id} has all of it`, await treeValue(), whole);
    await to(`#view=flame&metric=${id}&mode=inverted`);
    claimEqual(`${name}: turned round, too`, await treeValue(), whole);
  }
}

async function locksEqual() {
  const { locks } = json('locks');
  await open('locks', '#view=locks');
  const rows = await page.$$eval('table[aria-label=locks] tbody tr', (all) => all.map((tr) => [tr.querySelector('a').textContent, Number(tr.querySelector('data').value)]));
  const expected = locks.objects.map((lock) => [lock.name, lock.wait_ns.value]);
  claimEqual('the locks are the report\'s', rows, expected);
  const [hot] = locks.objects;

  await to('#lock=1');
  claimEqual('#lock=1 opens the first lock', await texts('#detail h3'), [hot.name]);
  const cells = sum(await values('table.matrix td data'));
  claimEqual('waiters and holders have all of the blame', cells, sum(hot.blame.map((pair) => pair.wait_ns.value)));
  const headings = (await texts('table.matrix tbody th')).concat(await texts('table.matrix thead th'));
  claim('whom the program made wait for whom is in the matrix', ['WaitForHotMutex', 'HoldLong', 'HoldShort'].every((name) => headings.some((h) => h.includes(name))), headings);
  claimEqual('waits and holds have their distributions', (await page.$$('.distribution')).length, 2);
  await picture('locks_detail');

  await to('#view=flame&metric=wait_ns');
  claimEqual('the flame graph of waits has all of them', await treeValue(), sum(hot.waits.map((w) => w.wait_ns.value)));
  await to('#view=flame&metric=blame_ns');
  claimEqual('that of blame, too', await treeValue(), sum(hot.blame.map((pair) => pair.wait_ns.value)));
  const long = (await frames()).filter((name) => name.includes('HoldLong'));
  claim('who held the lock is blamed', long.length > 0, await frames());

  await to('#view=threads');
  const waited = await page.$$eval('table[aria-label=threads] tbody tr', (all) => all.map((tr) => Number(tr.querySelector('data').value)));
  claim('threads have all of the wait', near(sum(waited), locks.wait_ns.value, 1e-6), waited, locks.wait_ns);
}

async function flameGraphs() {
  await open('locks', '#view=flame');
  const all = await frames();
  const name = all.find((frame) => frame.startsWith('Ledger::Ledger'));
  await page.click(`.graph g[name="${name}"]`);
  await settled();
  const width = (selector) => page.$eval(selector, (rect) => Number(rect.getAttribute('width')));
  const whole = await width('.graph g.frame rect');
  claim('a click zooms: the frame is as wide as the graph', near(await width(`.graph g[name="${name}"] rect`), whole, 0.01));
  const faded = (await page.$$('.graph g.fade')).length;
  claim('what is below it fades', faded > 0 && (await frames()).length < all.length);
  await page.click('text=Reset zoom');
  await settled();
  claimEqual('reset shows all again', (await frames()).length, all.length);

  await page.fill('input[aria-label="Search functions"]', 'ledger');
  await page.waitForSelector('.found');
  const highlighted = await page.$$eval('.graph g.frame', (gs) => gs.filter((g) => g.__data__.highlight).map((g) => g.__data__.data.name));
  claim('a search finds names, whatever their case', highlighted.length > 0 && highlighted.every((n) => n.toLowerCase().includes('ledger')), highlighted);
  claim('and is in the address', page.url().includes('q=ledger'), page.url());
  claim('inlined frames are marked', all.some((frame) => frame.endsWith('(inlined)')), all);

  await page.focus('.graph');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const current = await page.$eval('.graph g.current', (g) => g.__data__.depth);
  claimEqual('arrow keys walk', current, 2);
  await page.keyboard.press('Enter');
  await settled();
  claim('Enter zooms', (await page.$$('.graph g.fade')).length === 2);

  await to('#view=flame&metric=blame_ns&mode=inverted');
  await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; });
  const outer = 'main';
  await page.click(`.graph g[name="${outer}"]`);
  await page.click('button[aria-label^="Copy the stack"]');
  const copied = (await page.evaluate(() => window.copied)).split('\n').map((line) => line.replace(/\(.*/, '').trim());
  claim('a stack is copied from the innermost frame on, whichever way round it is drawn', copied[0] === 'HoldLong' && copied.at(-1) === 'main', copied);

  await to('#view=flame&mode=sandwich');
  await page.click('table[aria-label=functions] a:text-is("Ledger::Ledger(unsigned long)")');
  await page.waitForFunction(() => document.querySelector('.sandwich h3').textContent.includes('Ledger::Ledger'));
  await drawn();
  const { heap } = json('locks');
  const through = sum(heap.sites.filter((s) => s.stack.some((f) => f.function === 'Ledger::Ledger(unsigned long)')).map((s) => s.bytes.value));
  claimEqual('a sandwich has what goes through the function, on both sides', [await treeValue(0), await treeValue(1)], [through, through]);
  await picture('sandwich');
}

async function tables() {
  const { heap } = json('locks');
  await open('locks', '#view=sites');
  const column = () => page.$$eval('table[aria-label=sites] tbody tr', (all) => all.map((tr) => Number(tr.querySelectorAll('data')[0].value)));
  await page.focus('th:has-text("Calls") button');
  await page.keyboard.press('Enter');
  const calls = await column();
  claimEqual('a heading sorts, by keyboard', calls, [...calls].sort((a, b) => b - a));
  claimEqual('and says so', await page.getAttribute('th:has-text("Calls")', 'aria-sort'), 'descending');
  await page.keyboard.press('Enter');
  claimEqual('the other way round', await column(), [...calls].sort((a, b) => a - b));

  await page.fill('input[aria-label="Filter sites"]', 'worker::worker');
  const found = heap.sites.filter((s) => s.stack.some((f) => f.function.toLowerCase().includes('worker::worker'))).length;
  claimEqual('a filter leaves the stacks that have the words', (await column()).length, found);
  await page.focus('table[aria-label=sites] tbody a');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#detail');
  claim('arrow keys and Enter open a site', page.url().includes('site='), page.url());

  await to('#site=3');
  const site = heap.sites[2];
  claimEqual('#site=3 opens the third site', (await texts('#detail .stack .function')).length, site.stack.length);
  await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; });
  await page.click('#detail button:has-text("Copy")');
  const lines = (await page.evaluate(() => window.copied)).split('\n');
  claim('a stack is copied as text', lines.length === site.stack.length && lines.every((line, i) => line.startsWith(site.stack[i].function)), lines);
  claimEqual('a copied stack marks what is inlined', lines.map((l) => l.includes('[inlined]')), site.stack.map((f) => f.inlined));

  const unnamed = await page.$$eval('button, input, select, a', (all) => all.filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')?.textContent.trim())).map((e) => e.outerHTML));
  claimEqual('all that can be operated has a name', unnamed, []);
}

async function brush() {
  const whole = json('cross');
  const part = json('cross_part');
  await open('cross');
  const box = await (await page.$('.u-over')).boundingBox();
  await page.mouse.move(box.x + box.width * 0.26, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.40, box.y + 30, { steps: 4 });
  await page.mouse.move(box.x + box.width * 0.49, box.y + 30, { steps: 4 });
  await page.mouse.up();
  await page.waitForSelector('.chip');
  claim('dragging over a chart chooses a part of the time', page.url().includes('range=8-15'), page.url());
  const [calls, bytes] = [await card('allocations'), await card('bytes')];
  claim('calls and bytes are then those of the report with --since and --until',
    near(calls, part.heap.allocations.value, 0.02) && near(bytes, part.heap.bytes.value, 0.02), [calls, bytes], [part.heap.allocations, part.heap.bytes]);
  claim('and fewer than in all', calls > 0 && calls < whole.heap.allocations.value);
  claimEqual('what is known of the whole only stays', await card('peak'), whole.heap.peak_bytes.value);
  await picture('brush');
  await to('#view=flame&range=8-15');
  claimEqual('the flame graph is of that part', await treeValue(), bytes);
  await page.click('.chip');
  await page.waitForSelector('.chip', { state: 'detached' });
  await drawn();
  claimEqual('and of all when the part is let go', await treeValue(), sum(whole.heap.sites.map((s) => s.bytes.value)));

  const flows = { allocations: 'allocations', bytes: 'bytes', temporary: 'temporary', leaked: 'leaked_bytes' };
  const cards = () => Promise.all(Object.keys(flows).map(card));
  await to('#view=overview&range=0-15');
  const first = await cards();
  await to('#view=overview&range=16-31');
  const second = await cards();
  claimEqual('two halves are the whole', first.map((n, i) => n + second[i]), Object.values(flows).map((id) => whole.heap[id].value));

  await to('#view=threads');
  claimEqual('whose blocks whom frees is what the program says', await values('table.matrix data'), [100000]);
}

// What is estimated of a part of the time, beside the report with --since and --until, which has the samples themselves.
async function estimatesOfAPart() {
  // What lives to the end is known by fewer samples then, where a recording becomes sparser.
  for (const [name, flows] of [['sampled', { allocations: 'allocations', bytes: 'bytes', leaked: 'leaked_bytes' }], ['leak', { allocations: 'allocations', bytes: 'bytes' }]]) {
    const { heap } = json(`${name}_part`);
    await open(name, '#view=overview&range=8-15');
    for (const [id, field] of Object.entries(flows)) {
      const estimate = heap[field];
      const value = await card(id);
      claim(`${name}: ${id} of a part of the time are those of the samples in it`, near(value, estimate.value, 0.03), value, estimate);
      const words = await page.$eval(`#card-${id} .interval`, (element) => element.textContent);
      claim('with their interval', words.startsWith('in the chosen time, 95 %: '), words);
    }
  }
  const shown = await intervalOfFirstSite('sampled');
  const { bytes } = json('sampled_part').heap.sites[0];
  claim('which is as wide as that of the samples', near(shown.high - shown.low, bytes.high - bytes.low, 0.15), shown, bytes);
}

// A site that was recorded for certain in two slots, then sampled, then four times as sparsely. Samples are independent, so
// the squares of their errors add up, and a sample that stands for four times as much weighs sixteen times in them, of which
// there are a quarter as many.
async function partsOfARecordingThatBecameSparser() {
  const slots = (numbers) => [...numbers, ...new Array(SLOTS - numbers.length).fill(0)];
  const history = { bytes: slots([1000, 1000, 100, 100, 100]), interval_bytes: slots([0, 0, 10, 10, 40]) };
  const whole = [2300, 2300 - 70, 2300 + 140];
  const site = { bytes: whole, place: null, history };
  const recording = new Process(null, { duration_ns: 0 }, { heap: { sites: [site] } });
  const part = (first, last) => {
    const [value, low, high] = recording.numberOf(site, metricOf('bytes'), [first, last]);
    return { value, below: value - low, above: high - value };
  };
  claimEqual('all of the time has the interval of the whole', part(0, SLOTS - 1), { value: 2300, below: 70, above: 140 });
  claim('what was recorded for certain is the least there was', part(0, 1).value === 2000 && part(0, 1).below === 0, part(0, 1));
  claim('from there on it is sampled', part(1, 2).value === 1100 && part(1, 2).below > 0 && part(1, 2).below <= 100, part(1, 2));
  const squares = ({ below, above }) => below ** 2 + above ** 2;
  claim('the errors of parts add up', near(squares(part(0, 3)) + squares(part(4, SLOTS - 1)), 70 ** 2 + 140 ** 2, 1e-9), part(0, 3), part(4, SLOTS - 1));
  claim('a quarter of the samples have twice the error', near(part(4, 4).above, 2 * part(3, 3).above, 1e-9), part(3, 3), part(4, 4));
}

// Of the bytes in slots 8 to 15.
async function intervalOfFirstSite(name) {
  await open(name, '#view=sites&range=8-15');
  const shown = (await page.$$eval('table[aria-label=sites] tbody tr:first-child data', (all) => all.map((one) => one.title)))[1];
  const [low, high] = shown.replace('95 %: ', '').split(' to ').map(bytesOf);
  return { low, high };
}

const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const bytesOf = (text) => Number(text.split(' ')[0]) * UNITS[text.split(' ')[1]];

// The second line of the first chart is in its data, and on its canvas in its colour.
async function residentOverTime() {
  for (const name of ['leak', 'locks']) {
    const { peak_resident: points } = json(name).heap;
    await open(name);
    await drawn();
    const shown = await page.$eval('.chart [role=img]', (element) => {
      const [times, , peaks] = element.__plot__.data;
      return times.map((time, i) => [time, peaks[i]]).filter(([, bytes]) => bytes != null);
    });
    claimEqual(`${name}: the peak of resident memory is drawn as the report has it`, shown, points.map(({ time_ns, bytes }) => [time_ns / 1e9, bytes]));
    claim('there are some points, and it never falls', shown.length > 1 && shown.every(([, bytes], i) => i === 0 || bytes >= shown[i - 1][1]), shown);
    const pixels = await page.$eval('.chart canvas', (canvas) => {
      const probe = document.createElement('canvas').getContext('2d');
      probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--resident').trim();
      probe.fillRect(0, 0, 1, 1);
      const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let i = 0; i < data.length; i += 4) found += data[i] === red && data[i + 1] === green && data[i + 2] === blue;
      return found;
    });
    claim('it is on the screen', pixels > 50, pixels);
    claim('the legend names it, and what is read aloud', (await texts('.chart:first-of-type .line-key')).includes('peak resident so far')
      && (await page.getAttribute('.chart [role=img]', 'aria-label')).includes('peak resident so far over time: at most'));
  }
}

// The program's waits, by its own clock, are no part of the page: halves are.
async function waitsInTime() {
  const { locks } = json('locks');
  await open('locks', '#range=0-15');
  const first = await card('wait');
  await to('#range=16-31');
  claim('waits of two halves are the whole', near(first + await card('wait'), locks.wait_ns.value, 1e-6), first, locks.wait_ns);
  const blame = [];
  for (const range of ['0-15', '16-31']) {
    await to(`#view=flame&metric=blame_ns&range=${range}`);
    blame.push(await treeValue());
  }
  const blamed = sum(locks.objects.filter((lock) => lock.is_lock).flatMap((lock) => lock.blame.map((pair) => pair.wait_ns.value)));
  claim('so is blame', near(sum(blame), blamed, 1e-6) && Math.min(...blame) > 0.2 * blamed, blame, blamed);
  await to('#view=locks&lock=1&range=0-15');
  const cells = sum(await values('#detail table.matrix data'));
  claim('who waited for whom is of the chosen time', cells > 0.2 * blamed && cells < 0.8 * blamed, cells, blamed);
}

async function hostile() {
  await open('hostile', '#view=flame&metric=allocations');
  const names = await frames();
  claim('names that end scripts or open comments are shown as they are', ['</script><img src=x onerror=window.pwned=1>', '<!--<script>window.pwned=2</script>-->'].every((n) => names.some((f) => f.includes(n))), names);
  claim('control characters are shown, not sent', names.some((f) => f.includes('ring\\x07back\\x08turn\\u202ebad\ufffd')), names);
  for (const view of ['overview', 'sites', 'locks', 'threads']) await to(`#view=${view}`);
  claim('a thread\'s name, too', (await texts('table[aria-label=threads] td')).some((t) => t.startsWith('</script>\\x02')), await texts('table[aria-label=threads] td'));
  await to('#lock=1');
  claim('and a lock\'s', (await texts('#detail h3'))[0].includes('<b onclick=alert(1)>lock\\x1b'));
  const made = await page.evaluate(() => ({ pwned: window.pwned, images: document.images.length, bold: document.querySelectorAll('b, [onclick], [onerror]').length, scripts: document.scripts.length }));
  claimEqual('none of it became a part of the page', made, { images: 0, bold: 0, scripts: 1 });
  await picture('hostile');
}

async function pruned() {
  const { heap } = json('stacks');
  const stacks = 2 ** 12; // what the program was told
  await open('stacks', '#view=sites');
  claim('the program made as many stacks', heap.sites.length >= stacks, heap.sites.length);
  const words = (await texts('.pruned td'))[0];
  const left = heap.sites.length - 4000;
  claimEqual('what is left out is counted', words, `${left} stacks below threshold, total`);
  const [calls] = await values('.pruned data');
  const rest = (await page.$$eval('table[aria-label=sites] tbody tr', (all) => all.length));
  claimEqual('one block each', calls, left);
  await to('#view=flame&metric=allocations');
  claimEqual('the flame graph has the rest, too', await treeValue(), heap.allocations.value);
  const inTree = await page.evaluate(() => {
    const all = [];
    const visit = (node, outer) => {
      const path = `${outer}/${node.name.replace(/\(.*|\d+ B$/, '')}`;
      all.push({ path, value: node.value });
      for (const child of node.children) visit(child, path);
    };
    visit(document.querySelector('.graph').__data__.data, '');
    return all;
  });
  claimEqual('as frames of their own, where they leave the others', sum(inTree.filter(({ path }) => path.includes('stacks below threshold')).map(({ value }) => value)), left);
  const right = inTree.find(({ path }) => path.endsWith('/main/Go/Right'));
  claimEqual('so that a function has all that is below it', right.value, stacks / 2);
  await to('#view=sites');
  await page.click('text=Show 200 more');
  claimEqual('a long table shows more when asked', (await page.$$('table[aria-label=sites] tbody tr')).length, rest + 200);
}

async function processes() {
  const report = json('many');
  await open('many');
  const options = await texts('header select option');
  claimEqual('each process can be chosen', options.length, report.processes.length);
  for (const [i, one] of report.processes.entries()) {
    await page.selectOption('header select', String(i));
    await drawn();
    claimEqual(`process ${i} has its own figures`, [await card('bytes'), await card('wait')], [one.heap.bytes.value, one.locks.wait_ns.value]);
  }
}

async function manyProcesses() {
  const report = json('crowd');
  await open('crowd');
  const titles = await texts('header select option');
  claimEqual('of very many processes 200 can be chosen', titles.length, 200);
  claim('the large ones among them', titles.some((title) => title.startsWith('lock_holders')) && titles.some((title) => title.startsWith('heap_findings')), titles);
  const small = await texts('.small-processes td');
  claimEqual('the others are one row', small[0], `${report.processes.length - 200} smaller processes, in total`);
  const findings = sum((await texts('table[aria-label=Processes] tbody td:last-child')).map(Number));
  claimEqual('no finding is left out', findings, report.findings.length);
  const rest = (await page.evaluate(() => document.querySelectorAll('table[aria-label=Processes] tbody tr').length)) - 200;
  claimEqual('and nothing else is', rest, 1);
  const bytes = report.processes.map((one) => one.heap.bytes.value).sort((a, b) => a - b);
  const shown = await page.$eval('.small-processes td:nth-child(2)', (cell) => cell.textContent);
  claimEqual('which has what the smallest ones have together', shown, formats.bytes(sum(bytes.slice(0, bytes.length - 200))));
}

async function diff() {
  const report = json('diff');
  await open('diff');
  const got = [await card('allocations'), await card('bytes')];
  claimEqual('a diff has the report\'s changes', got, [report.heap.total.allocations.change.value, report.heap.total.bytes.change.value]);
  const wider = sum(report.heap.sites.map((s) => (s.bytes ? Math.max(s.bytes.base.value, s.bytes.new.value) : 0)));
  claimEqual('its flame graph is as wide as the greater sides', await treeValue(), wider);
  const blue = await page.$$eval('.graph g.frame', (all) => all.filter((g) => g.__data__.data.now < g.__data__.data.base).map((g) => g.querySelector('rect').getAttribute('fill')));
  claim('what shrank is blue', blue.length > 0 && blue.every((fill) => fill.startsWith('hsl(215')), blue);
  await to('#view=sites&thing=1');
  claimEqual('a site says what it was and is', await texts('.detail h3'), [report.heap.sites[0].name]);
  await picture('diff');
}

async function colours() {
  await open('locks');
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.emulateMedia({ colorScheme: 'dark' });
  await drawn();
  const dark = await paper();
  claim('it is dark where the system is', light !== dark, light, dark);
  await page.click('button[aria-label="Show in light colours"]');
  claimEqual('until the reader says otherwise', await paper(), light);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
try {
  await figuresEqual('locks');
  await figuresEqual('leak');
  for (const check of [locksEqual, flameGraphs, tables, brush, estimatesOfAPart, partsOfARecordingThatBecameSparser, residentOverTime, waitsInTime, hostile, pruned, processes, manyProcesses, diff, colours]) await check();
} catch (error) {
  claim('the pages can be used', false, error.stack);
}
claimEqual('no page had an error or asked the network', troubles, []);
await browser.close();
