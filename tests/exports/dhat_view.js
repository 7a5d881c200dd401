// Loads a DHAT file as valgrind's own viewer does, without a browser, and prints the totals that it shows.
//
//   node dhat_view.js FILE [DH_VIEW.JS]
const fs = require('fs');
const vm = require('vm');

// Whatever the viewer asks of a page is there and does nothing.
const anything = () => new Proxy(function () {}, {
  get: (target, key) =>
    key === Symbol.toPrimitive ? () => '' : key === 'childNodes' ? [] : anything(),
  apply: anything,
  construct: anything,
  set: () => true,
});
const page = {
  document: anything(), window: anything(), console, Intl, performance: { now: () => 0 },
  FileReader: function () {}, text: fs.readFileSync(process.argv[2], 'utf8'),
};
vm.createContext(page);
const viewer = process.argv[3] || '/usr/libexec/valgrind/dh_view.js';
vm.runInContext(fs.readFileSync(viewer, 'utf8'), page);
console.log(vm.runInContext(`
  gData = JSON.parse(text);
  gSelect = { selectedIndex: 0, childNodes: gSelectData.map(() => ({})) };
  buildTree();
  JSON.stringify({
    bytes: gRoot._totalBytes, blocks: gRoot._totalBlocks, peak_bytes: gRoot._atTGmaxBytes,
    end_bytes: gRoot._atTEndBytes, end_blocks: gRoot._atTEndBlocks,
    lifetimes: gRoot._totalLifetimes,
  })`, page));
