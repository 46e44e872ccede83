// Draws dashboards with Grafana's libraries in a headless browser, and looks at what came out.
//
// node draw.js PICTURES FILE...
//
// Each FILE has a dashboard and the answers to its queries, as the tests write them. Says what is wrong, one line each,
// and ends with status 1 if anything is.

import { readFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const GRAFANA = ['@grafana/data', '@grafana/schema', '@grafana/ui'];
/** Icons and the like. */
const PUBLIC = path.join(path.dirname(require.resolve('@grafana/ui')), '..', 'public');
/** Where the page pretends to be. Nothing leaves the browser: every request is answered here. */
const ORIGIN = 'http://grafana.invalid';
const PAGE = `<!doctype html><html><head><meta charset="utf-8">
<style>body { background: #111217; margin: 0 } .no-data { color: #ccccdc; text-align: center; padding-top: 20px }</style>
<link rel="stylesheet" href="/page.css"><link rel="icon" href="data:,">
<script>window.__grafana_public_path__ = '${ORIGIN}/public/'; window.global = window;</script>
</head><body><div id="root"></div><script src="/page.js"></script></body></html>`;
const TYPES = { '.svg': 'image/svg+xml', '.js': 'text/javascript', '.css': 'text/css' };

/** What the page is made of, by path. */
async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [path.join(here, 'src/page.jsx')],
    bundle: true,
    write: false,
    outdir: '/',
    format: 'iife',
    platform: 'browser',
    // The CommonJS builds: those of ES modules import names that they do not export.
    alias: Object.fromEntries(GRAFANA.map((name) => [name, require.resolve(name)])),
    // An editor that no panel opens.
    external: ['monaco-editor'],
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.svg': 'text' },
    logLevel: 'error',
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path, text]));
}

async function answer(request, made) {
  const url = new URL(request.url());
  if (url.pathname === '/') {
    return request.respond({ contentType: 'text/html', body: PAGE });
  }
  if (url.pathname in made) {
    return request.respond({ contentType: TYPES[path.extname(url.pathname)], body: made[url.pathname] });
  }
  // Grafana's server has the fonts; here the system's have to do.
  if (url.pathname.endsWith('.woff2')) {
    return request.respond({ contentType: 'font/woff2', body: '' });
  }
  const file = path.normalize(url.pathname).replace(/^\/public\//, '');
  try {
    const body = await readFile(path.join(PUBLIC, file));
    return await request.respond({ contentType: TYPES[path.extname(file)] ?? 'application/octet-stream', body });
  } catch {
    return request.respond({ status: 404, body: '' });
  }
}

/** What is wrong with a panel, looked at from outside. */
function look(id) {
  const panel = document.querySelector(`[data-panel="${id}"]`);
  if (!panel) {
    return 'is not there';
  }
  const text = panel.textContent;
  if (text.includes('No data')) {
    return 'No data';
  }
  if (panel.querySelector('[data-testid*="Alert error"], [aria-label*="Alert error"], [role="alert"]')) {
    return `error: ${text}`;
  }
  const inside = panel.querySelector('[data-testid="data-testid panel content"]') ?? panel;
  const canvases = [...inside.querySelectorAll('canvas')];
  const drawn = (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value) => value !== 0);
  };
  if (canvases.length > 0) {
    return canvases.some(drawn) ? null : 'the graph is blank';
  }
  return inside.textContent.trim() === '' ? 'is blank' : null;
}

async function draw(browser, made, scene, pictures) {
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      problems.push(`console: ${message.text()} ${message.location().url ?? ''}`);
    }
  });
  await page.setRequestInterception(true);
  page.on('request', (request) => answer(request, made));
  await page.setViewport({ width: 1600, height: 1000 });
  await page.goto(`${ORIGIN}/`);
  await page.evaluate((scene) => window.draw(scene), scene);
  await page.waitForSelector('#dashboard [data-panel]');
  const height = await page.evaluate(() => Math.ceil(document.getElementById('dashboard').getBoundingClientRect().height));
  await page.setViewport({ width: 1600, height: height + 8 });
  // Everything is drawn when the browser has nothing left to fetch and has painted twice.
  await page.waitForNetworkIdle({ idleTime: 300 });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  for (const panel of scene.dashboard.panels.filter(({ id }) => scene.withData.includes(id))) {
    const problem = await page.evaluate(look, panel.id);
    if (problem) {
      problems.push(`${panel.title}: ${problem}`);
    }
  }
  await page.screenshot({ path: path.join(pictures, `${scene.name}.png`) });
  await page.close();
  return problems.map((problem) => `${scene.name}: ${problem}`);
}

const [pictures, ...files] = process.argv.slice(2);
await mkdir(pictures, { recursive: true });
const made = await bundle();
// The sandbox wants privileges that root in a container lacks; the page is our own.
const browser = await puppeteer.launch({
  executablePath: process.env.EGRET_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});
try {
  for (const file of files) {
    const problems = await draw(browser, made, JSON.parse(await readFile(file, 'utf8')), pictures);
    problems.forEach((problem) => console.log(problem));
    if (problems.length > 0) {
      process.exitCode = 1;
    }
  }
} finally {
  await browser.close();
}
