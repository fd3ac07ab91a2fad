// The harness page: ?view=editors or ?view=dashboard&board=outpatient|hospital_drg, &org=&dept=&stay=, &language=zh-Hans|en, &theme=dark|light, &from=&to= in ms.
import { createTheme, type DataFrame, dateTime, ThemeContext, type TimeRange } from '@grafana/data';
import { config } from '@grafana/runtime';
import { ErrorBoundaryAlert, GlobalStyles, PanelChrome, PortalContainer } from '@grafana/ui';
import '@grafana/react-data-grid/lib/styles.css';
import { type ComponentType, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';

import { type SanyiDataSource } from '@/datasource';
import { type SanyiQuery } from '@/types';

import { ID, loadPlugin, type Plugin, settings, variables } from './host';
import { ask, configure, DashboardPanel, type Panel, shown } from './panels';

const params = new URLSearchParams(location.search);

function timeRange(): TimeRange {
  const from = dateTime(Number(params.get('from') ?? Date.now() - 14 * 86_400_000));
  const to = dateTime(Number(params.get('to') ?? Date.now()));
  return { from, to, raw: { from, to } };
}

function makeSource(plugin: Plugin): SanyiDataSource {
  const ds = new plugin.DataSourceClass(settings);
  ds.meta = settings.meta;
  return ds;
}

function Editors({ plugin }: { plugin: Plugin }) {
  const ds = useMemo(() => makeSource(plugin), [plugin]);
  const range = useMemo(() => timeRange(), []);
  const [options, setOptions] = useState<Record<string, unknown>>({
    ...settings,
    url: 'http://127.0.0.1:8750',
    secureJsonFields: { token: true },
    secureJsonData: {},
  });
  const [query, setQuery] = useState<SanyiQuery>({ refId: 'A', ...ds.getDefaultQuery() } as SanyiQuery);
  const [ran, setRan] = useState(0);
  const [health, setHealth] = useState('');
  const [table, setTable] = useState('');
  const { ConfigEditor, QueryEditor } = plugin.components as Record<string, ComponentType<Record<string, unknown>>>;
  useEffect(() => {
    ds.testDatasource().then(
      (h) => setHealth(h.message),
      (err: { message?: string }) => setHealth(`error: ${err.message}`)
    );
  }, [ds]);
  useEffect(() => {
    if (ran > 0 && ds.filterQuery(query)) {
      ask(ds, [query], range).then(
        (frames) => setTable(text(configure(frames, { fieldConfig: { defaults: {}, overrides: [] } }, config.theme2))),
        (err: Error) => setTable(`error: ${err.message}`)
      );
    }
  }, [ran, ds, query, range]);
  return (
    <div style={{ padding: 16, width: 1240 }} data-testid={health ? 'ready' : 'wait'}>
      <PanelChrome title="ConfigEditor" width={1200} height={280}>
        {() => <ConfigEditor options={options} onOptionsChange={setOptions} />}
      </PanelChrome>
      <p data-testid="health">{health}</p>
      <PanelChrome title="QueryEditor" width={1200} height={330}>
        {() => (
          <QueryEditor datasource={ds} query={query} onChange={setQuery} onRunQuery={() => setRan((n) => n + 1)} />
        )}
      </PanelChrome>
      <pre data-testid="options" hidden>
        {JSON.stringify(options)}
      </pre>
      <pre data-testid="query" hidden>
        {JSON.stringify(query)}
      </pre>
      <pre data-testid="frames">{table}</pre>
    </div>
  );
}

function text(frames: DataFrame[]): string {
  return frames
    .map((f) =>
      f.fields
        .map(
          (x) =>
            `${x.name} [${x.config.displayNameFromDS ?? ''}] ${x.values.map((_v: unknown, i: number) => shown(x, i)).join(' | ')}`
        )
        .join('\n')
    )
    .join('\n\n');
}

function Dashboard({ plugin }: { plugin: Plugin }) {
  const ds = useMemo(() => makeSource(plugin), [plugin]);
  const range = useMemo(() => timeRange(), []);
  const [board, setBoard] = useState<{ title: string; panels: Panel[] }>();
  useEffect(() => {
    for (const name of ['org', 'dept']) {
      variables[name] = params.get(name) ?? '*';
    }
    variables.stay = params.get('stay') ?? '';
    fetch(`/public/plugins/${ID}/dashboards/${params.get('board') ?? 'outpatient'}.json`).then(async (r) =>
      setBoard(await r.json())
    );
  }, []);
  if (!board) {
    return null;
  }
  const height = Math.max(...board.panels.map((p) => p.gridPos.y + p.gridPos.h)) * 38;
  return (
    <div style={{ padding: 16 }}>
      <h2>{board.title}</h2>
      <div style={{ position: 'relative', height }}>
        {board.panels.map((p) => (
          <DashboardPanel key={p.id} panel={p} ds={ds} range={range} />
        ))}
      </div>
    </div>
  );
}

async function main() {
  const theme = createTheme({ colors: { mode: params.get('theme') === 'light' ? 'light' : 'dark' } });
  config.theme2 = theme;
  const plugin = await loadPlugin(params.get('language') ?? 'zh-Hans');
  const View = params.get('view') === 'dashboard' ? Dashboard : Editors;
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ background: theme.colors.background.canvas, minHeight: '100vh' }}>
        <ErrorBoundaryAlert>
          <View plugin={plugin} />
        </ErrorBoundaryAlert>
      </div>
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

main().catch((err: Error) => {
  document.getElementById('root')!.textContent = `FAIL ${err.stack ?? String(err)}`;
  console.error(err);
});
