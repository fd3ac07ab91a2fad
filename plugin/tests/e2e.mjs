// The built plugin in Chromium, with Grafana's real packages around its front end and Grafana's real protocol to its back
// end. Screenshots go to .cache/screens, for people to look at.
//   SANYI_BRIDGE  the bridge's binary
//   SANYI_GPX     the plugin's binary
//   SANYI         a built sanyi: it makes a lake with the rows of E01 and serves it; none: the test region answers
//   CHROME        the browser, when it is not `chromium` in PATH
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const plugin = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const cache = path.join(plugin, '..', '.cache');
const screens = path.join(cache, 'screens');
const bridgeFile = process.env.SANYI_BRIDGE ?? path.join(cache, 'plugin/bridge');
const sanyi = process.env.SANYI;
const shot = (name) => path.join(screens, `${name}${sanyi ? '-lake' : ''}.png`);

let bridge, service, browser, url, scratch;

/** Starts a program and waits for its first line: its URL. */
function listening(file, args) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = ''; // shown only when something is wrong
  child.stderr.on('data', (d) => (log = (log + d).slice(-20_000)));
  const ready = new Promise((resolve, reject) => {
    child.stdout.once('data', (d) => resolve(String(d).trim()));
    child.once('exit', (code) => reject(new Error(`${path.basename(file)} ended with ${code}: ${log}`)));
  });
  return { child, ready };
}

/** A real lake with the rows of E01 behind a real `sanyi serve`. */
async function serveLake() {
  scratch = mkdtempSync(path.join(tmpdir(), 'sanyi-e2e-'));
  const lake = path.join(scratch, 'lake');
  const rows = path.join(scratch, 'rows.ndjson');
  const token = path.join(scratch, 'token');
  const run = (...args) => execFileSync(sanyi, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  run('init', lake);
  for (const table of ['dim_dept', 'fact_outp_visit']) {
    writeFileSync(rows, execFileSync(bridgeFile, ['-rows', table], { maxBuffer: 64 << 20 }));
    run('ingest', '--lake', lake, '--table', table, '--relaxed', rows);
  }
  writeFileSync(token, run('serve', 'token', 'add', '--lake', lake, '--name', 'e2e', '--scope', 'whole'), {
    mode: 0o600,
  });
  const { child, ready } = listening(sanyi, ['serve', '--lake', lake, '--http', '127.0.0.1:0']);
  service = child;
  return ['-service', await ready, '-token-file', token];
}

function chrome() {
  if (process.env.CHROME) {
    return process.env.CHROME;
  }
  const found = (process.env.PATH ?? '')
    .split(':')
    .flatMap((dir) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => path.join(dir, name)))
    .find((file) => {
      try {
        accessSync(file);
        return true;
      } catch {
        return false;
      }
    });
  assert.ok(found, 'no browser: set CHROME, or install chromium and fonts-noto-cjk');
  return found;
}

before(async () => {
  mkdirSync(screens, { recursive: true });
  const args = [
    '-plugin',
    process.env.SANYI_GPX ?? path.join(plugin, 'dist/gpx_sanyi_lakehouse_linux_amd64'),
    '-dist',
    path.join(plugin, 'dist'),
    '-page',
    path.join(plugin, 'harness-dist'),
  ];
  if (sanyi) {
    args.push(...(await serveLake()));
  }
  const started = listening(bridgeFile, args);
  bridge = started.child;
  url = await started.ready;
  browser = await chromium.launch({
    executablePath: chrome(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

after(async () => {
  await browser?.close();
  bridge?.kill('SIGTERM');
  service?.kill('SIGTERM');
  if (scratch) {
    rmSync(scratch, { recursive: true, force: true });
  }
});

const moment = (text) => String(new Date(`${text}+08:00`).valueOf());
// E01: the day 2021-06-08, looked at when 17 hours of it had passed.
const E01 = { from: moment('2021-05-31T00:00:00'), to: moment('2021-06-08T17:00:00') };

async function open(t, params) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  page.setDefaultTimeout(90_000);
  t.after(() => page.close());
  const errors = [];
  page.on('pageerror', (err) => errors.push(err.message));
  await page.goto(`${url}/?${new URLSearchParams({ ...E01, ...params })}`);
  return { page, errors };
}

async function dashboard(t, params = {}) {
  const { page, errors } = await open(t, { view: 'dashboard', ...params });
  await page.waitForFunction(
    () =>
      document.querySelectorAll('[data-testid^=panel-]').length === 9 &&
      !document.querySelector('[data-state=loading]'),
    undefined,
    { timeout: 120_000 }
  );
  await page.waitForTimeout(500); // the charts draw
  const panel = (title) => page.getByTestId(`panel-${title}`);
  return { page, errors, panel, text: async (title) => (await panel(title).innerText()).replace(/\s+/g, ' ') };
}

test('the dashboard 门急诊运行 shows the figures of E01', { timeout: 300_000 }, async (t) => {
  const { page, errors, panel, text } = await dashboard(t);
  await page.screenshot({ path: shot('dashboard-dark'), fullPage: true });
  assert.match(await text('今日门急诊人次'), /3671 人次/);
  assert.match(await text('上周同日(全天)'), /4444 人次/);
  assert.match(await text('较上周同日'), /-17\.39\s?%/);
  assert.match(await text('每小时平均'), /216 人次\/小时/);
  assert.match(await text('高峰小时人次'), /840 人次/);
  assert.match(await text('高峰时段'), /08:00/);
  for (const chart of ['今日分时与上周同日', '每日趋势']) {
    assert.equal(await panel(chart).locator('.u-over').count(), 1, `${chart} is drawn`);
    assert.match(await text(chart), /较上周同日/);
  }
  const table = await text('科室下钻');
  assert.match(table, /科室 门急诊人次 门急诊人次 较上周同日:基期 门急诊人次 较上周同日:变化 门急诊高峰小时人次/);
  assert.match(table, /合计/);
  assert.match(table, /3671/);
  assert.equal(await page.locator('[data-state=error]').count(), 0);
  assert.deepEqual(errors, []);
});

test('a small figure is not shown and says why', { timeout: 300_000 }, async (t) => {
  const { text } = await dashboard(t);
  const table = await text('科室下钻');
  assert.match(table, /儿科/);
  assert.match(table, /为保护隐私不显示/);
});

test('the drill-down shows one department', { timeout: 300_000 }, async (t) => {
  const { panel } = await dashboard(t);
  const href = await panel('科室下钻').getByRole('link', { name: '外科' }).getAttribute('href');
  assert.match(href, /var-dept=0400/);
  const one = await dashboard(t, { dept: '0400', theme: 'light' });
  await one.page.screenshot({ path: shot('dashboard-light-department'), fullPage: true });
  const whole = Number(/(\d+) 人次/.exec(await one.text('今日门急诊人次'))[1]);
  assert.ok(whole > 0 && whole < 3671, `${whole} of 3671`);
});

test('an administrator configures the data source', { timeout: 300_000 }, async (t) => {
  const { page, errors } = await open(t, { view: 'editors' });
  await page.getByTestId('ready').waitFor();
  assert.match(await page.getByTestId('health').innerText(), /^连接正常:发布 \d+,可用指标 \d+ 个/);
  await page.locator('#sanyi-config-url').fill('https://lake.example:8750');
  await page.getByRole('button', { name: 'Reset' }).click();
  await page.locator('#sanyi-config-token').fill('sanyi_abc');
  await page.locator('#sanyi-config-language').click();
  await page.getByRole('option', { name: 'English' }).click();
  const options = JSON.parse(await page.getByTestId('options').textContent());
  assert.equal(options.url, 'https://lake.example:8750');
  assert.deepEqual(options.secureJsonData, { token: 'sanyi_abc' });
  assert.deepEqual(options.jsonData, { language: 'en' });
  await page.screenshot({ path: shot('editors-config'), fullPage: true });
  assert.deepEqual(errors, []);
});

test('an editor finds an indicator by its Chinese name and asks', { timeout: 300_000 }, async (t) => {
  const { page, errors } = await open(t, { view: 'editors' });
  await page.getByTestId('ready').waitFor();
  const search = page.locator('input[role=combobox]#sanyi-query-indicators');
  await search.click();
  await search.fill('门急诊人次');
  await page.getByRole('option', { name: /H001/ }).waitFor();
  await page.screenshot({ path: shot('editors-search'), fullPage: true });
  await page.getByRole('option', { name: /H001/ }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('radio', { name: '表格' }).click();
  await page.getByRole('radio', { name: '当期' }).click();
  const compare = page.locator('input[role=combobox]#sanyi-query-compare');
  await compare.click();
  await page
    .getByRole('option', { name: /较上周同日/ })
    .first()
    .click();
  await page.keyboard.press('Escape');
  await page.getByTestId('frames').getByText(/4444/).waitFor();
  const frames = await page.getByTestId('frames').innerText();
  assert.match(frames, /H001 \[门急诊人次\] 3671 人次/);
  assert.match(frames, /H001\.change_wow \[较上周同日:变化\] -17\.39\s?%/);
  const query = JSON.parse(await page.getByTestId('query').textContent());
  assert.deepEqual(
    {
      kind: query.kind,
      version: query.version,
      indicators: query.indicators,
      compare: query.compare,
      period: query.period,
      format: query.format,
    },
    {
      kind: 'indicator',
      version: 1,
      indicators: ['H001'],
      compare: ['wow'],
      period: { mode: 'today' },
      format: 'table',
    }
  );
  await page.screenshot({ path: shot('editors-query'), fullPage: true });
  assert.deepEqual(errors, []);
});

test('the editors speak English to who reads English', { timeout: 300_000 }, async (t) => {
  const { page, errors } = await open(t, { view: 'editors', language: 'en-US', theme: 'light' });
  await page.getByTestId('ready').waitFor();
  await page.getByText('Indicators', { exact: true }).first().waitFor();
  await page.locator('input[role=combobox]#sanyi-query-indicators').fill('visits');
  await page
    .getByRole('option', { name: /Outpatient and emergency visits/ })
    .first()
    .waitFor();
  await page.screenshot({ path: shot('editors-en'), fullPage: true });
  assert.deepEqual(errors, []);
});
