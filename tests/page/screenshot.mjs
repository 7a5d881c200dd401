// screenshot.mjs PAGE PICTURE [#VIEW]: what the page looks like on a laptop.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , file, picture, hash = ''] = process.argv;
const { chromium } = createRequire(join(process.env.NODE_PATH, 'resolve.js'))('playwright-core');

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1366, height: 860 } });
await page.goto(`${pathToFileURL(resolve(file))}${hash}`);
await page.waitForSelector('html[data-ready]');
await page.waitForTimeout(600); // transitions
await page.screenshot({ path: picture });
await browser.close();
