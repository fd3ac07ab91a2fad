// The built plugin in Chromium, with Grafana's real packages around its front end and Grafana's real protocol to its back
// end. Screenshots go to .cache/screens, for people to look at.
//   SANYI_BRIDGE  the bridge's binary
//   SANYI_GPX     the plugin's binary
//   SANYI         a built sanyi: it makes the demo's lake, adds the rows of E01 and serves it; none: the test region answers
//   CHROME        the browser, when it is not `chromium` in PATH
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
let stay = 'S-1001'; // a case of the test region; of the demo's lake: the one of the largest loss

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

/** A real lake, of the demo's region and the rows of E01, behind a real `sanyi serve`. */
async function serveLake() {
  scratch = mkdtempSync(path.join(tmpdir(), 'sanyi-e2e-'));
  const lake = path.join(scratch, 'lake');
  const rows = path.join(scratch, 'rows.ndjson');
  const token = path.join(scratch, 'token');
  const run = (...args) => execFileSync(sanyi, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  run('demo', '--lake', lake, '--size', 'small');
  for (const table of ['dim_dept', 'fact_outp_visit']) {
    writeFileSync(rows, execFileSync(bridgeFile, ['-rows', table], { maxBuffer: 64 << 20 }));
    run('ingest', '--lake', lake, '--table', table, '--relaxed', rows);
  }
  writeFileSync(token, run('serve', 'token', 'add', '--lake', lake, '--name', 'e2e', '--scope', 'whole', '--cases'), {
    mode: 0o600,
  });
  const { child, ready } = listening(sanyi, ['serve', '--lake', lake, '--http', '127.0.0.1:0']);
  service = child;
  const at = await ready;
  const response = await fetch(`${at}/v1/cases`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${readFileSync(token, 'utf8').trim()}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ period: '2025-06', statuses: ['OK'], order: 'loss', limit: 1 }),
  });
  stay = (await response.json()).rows[0].stay_id;
  return ['-service', at, '-token-file', token];
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

// The night that the demo's region was made for.
const JUNE = { from: moment('2025-06-01T00:00:00'), to: moment('2025-06-30T23:59:59') };

async function open(t, params) {
  // As high as the longest page: tables draw only the rows that can be seen.
  const page = await browser.newPage({ viewport: { width: 1400, height: params.board ? 2800 : 1000 } });
  page.setDefaultTimeout(90_000);
  t.after(() => page.close());
  const errors = [];
  page.on('pageerror', (err) => errors.push(err.message));
  await page.goto(`${url}/?${new URLSearchParams({ ...E01, ...params })}`);
  return { page, errors };
}

async function dashboard(t, params = {}, panels = 9) {
  const { page, errors } = await open(t, { view: 'dashboard', ...params });
  await page.waitForFunction(
    (n) =>
      document.querySelectorAll('[data-testid^=panel-]').length === n &&
      !document.querySelector('[data-state=loading]'),
    panels,
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

const hospital = (t, params = {}) => dashboard(t, { board: 'hospital_drg', ...JUNE, ...params }, 31);

test("a hospital's DRG page shows its figures", { timeout: 300_000, skip: !sanyi && 'needs a lake' }, async (t) => {
  const { page, errors, panel, text } = await hospital(t);
  await page.screenshot({ path: shot('hospital-drg-dark'), fullPage: true });
  assert.match(await text('入组病例'), /\d+ 例/);
  assert.match(await text('病例组合指数 CMI'), /\d\.\d\d/);
  assert.match(await text('入组率'), /\d+\.\d\s?%/);
  assert.match(await text('费用消耗指数'), /无可比病组/); // two hospitals: each would learn of the other
  assert.match(await text('有标杆病例占比'), /0\.0\s?%/);
  assert.match(await text('结余(标准减费用)'), /-?\d+ 元/);
  assert.match(await text('与官方分组一致率'), /无官方分组|%/);
  assert.equal(await panel('CMI与入组率月度走势').locator('.u-over').count(), 1);
  assert.match(await text('权重(RW)区间占比'), /RW<0\.5.*%/);
  assert.match(await text('科室'), /科室 入组病例 总权重 CMI 费用指数 时间指数 结余 每权重结余 象限/);
  assert.match(await text('科室'), /CMI(≥|<)1 (有结余|亏损)/);
  assert.match(await text('医师'), /医师 入组病例 总权重 CMI 费用指数 时间指数/);
  assert.match(await text('无权重病例占比'), /\d+\.\d\s?%/);
  assert.match(await text('低风险组死亡例数'), /\d+ 例|暂无/);
  assert.match(await text('未入组原因'), /0000组 主要诊断不在任何大类 \d+ 例/);
  assert.match(await text('病例清单'), /住院ID 出院日期 机构 出院科室/);
  assert.match(await text('病例清单'), /2025-06-\d\d/);
  const href = await panel('病例清单').getByRole('link', { name: stay }).first().getAttribute('href');
  assert.match(href, new RegExp(`var-stay=${stay}`));
  assert.equal(await page.locator('[data-state=error]').count(), 0);
  assert.deepEqual(errors, []);
});

test('a case explains itself', { timeout: 300_000 }, async (t) => {
  const params = sanyi ? {} : { ...E01 };
  const { page, errors, text } = await hospital(t, { stay, ...params });
  await page.screenshot({ path: shot('hospital-drg-case'), fullPage: true });
  assert.match(await text('病例结果'), /分组结果 \S+ 演示：/);
  assert.match(await text('病例结果'), /分组依据 [男女]，\d+岁，住院\d+天/);
  assert.match(await text('诊断与手术操作'), /主要诊断 [A-Z]\d\d/);
  assert.match(await text('病例结算测算'), /支付标准 [\d,]+(\.\d\d)? 元/);
  const told = await text('病例解释');
  assert.match(told, /部分 步骤 对象 名称 结论 说明/);
  assert.match(told, /主要诊断大类\(MDC\) MDC[A-Z] \S+ 是 符合本大类条件/);
  assert.match(told, /入本核心组：/);
  assert.match(told, /否 不符合本大类条件：不满足「/);
  assert.deepEqual(errors, []);
});

test('without a case the panels ask to choose one, in the light too', { timeout: 300_000 }, async (t) => {
  const { page, errors, panel, text } = await hospital(t, { theme: 'light', ...(sanyi ? {} : E01) });
  await page.screenshot({ path: shot('hospital-drg-light'), fullPage: true });
  assert.doesNotMatch(await text('病例解释'), /符合本大类条件/);
  const why = await panel('病例解释').getAttribute('data-notices');
  assert.match(why, /点选一个病例/);
  assert.deepEqual(errors, []);
});

test('an editor asks for a case', { timeout: 300_000 }, async (t) => {
  const { page, errors } = await open(t, { view: 'editors' });
  await page.getByTestId('ready').waitFor();
  await page.getByRole('radio', { name: '病例', exact: true }).click();
  await page.getByTestId('sanyi-case-tiers').waitFor();
  await page.screenshot({ path: shot('editors-cases'), fullPage: true });
  await page.getByRole('radio', { name: '病例解释' }).click();
  await page.locator('#sanyi-case-stay').fill(stay);
  await page.locator('#sanyi-case-scheme').click(); // leaving the field asks
  await page
    .getByTestId('frames')
    .getByText(/符合本大类条件/)
    .waitFor();
  const query = JSON.parse(await page.getByTestId('query').textContent());
  assert.deepEqual(
    { kind: query.kind, version: query.version, view: query.view, stay: query.stay, indicators: query.indicators },
    { kind: 'case', version: 1, view: 'explain', stay, indicators: undefined }
  );
  await page.screenshot({ path: shot('editors-case'), fullPage: true });
  assert.deepEqual(errors, []);
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
