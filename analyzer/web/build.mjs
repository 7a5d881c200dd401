// build.mjs PAGE: bundles src/ with the packages of NODE_PATH into one HTML file that needs nothing else.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = process.env.NODE_PATH;
const here = dirname(fileURLToPath(import.meta.url));
const { buildSync } = createRequire(join(packages, 'resolve.js'))('esbuild');

const { outputFiles } = buildSync({
  entryPoints: [join(here, 'src/main.jsx')],
  outdir: 'out', // nothing is written: the names tell the two files apart
  write: false,
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome110', 'firefox115', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  nodePaths: [packages],
  legalComments: 'inline',
  charset: 'ascii',
});

const textOf = (suffix) => outputFiles.find((file) => file.path.endsWith(suffix)).text;
// Functions, because $ means something in a replacement.
const page = readFileSync(join(here, 'page.html'), 'utf8')
  .replace('@PERFAGENT_STYLE@', () => textOf('.css'))
  .replace('@PERFAGENT_CODE@', () => textOf('.js'));
writeFileSync(process.argv[2], page);
