import { type DataSourceInstanceSettings } from '@grafana/data';
import { config, setTemplateSrv, type TemplateSrv } from '@grafana/runtime';

import { SanyiDataSource } from '@/datasource';
import { migrate } from '@/migrate';
import { type CaseQuery, DEFAULT_CASE_QUERY, DEFAULT_QUERY, type IndicatorQuery, type SanyiOptions } from '@/types';

const variables: Record<string, string | string[]> = {
  dept: ['0300', '0400'],
  all: '*',
  month: '2021-06',
  empty: '',
  stay: 'S-1001',
};

/** Does what Grafana's does with a format function. */
const replace: TemplateSrv['replace'] = (text = '', _vars, format) =>
  text.replace(/\$(\w+)/g, (whole, name: string) => {
    const value = variables[name];
    if (value === undefined) {
      return whole;
    }
    return typeof format === 'function' ? format(value, {}, undefined) : String(value);
  });

setTemplateSrv({ replace, getVariables: () => [], containsTemplate: () => false, updateTimeRange: () => {} });

function source(options: SanyiOptions = {}) {
  return new SanyiDataSource({
    id: 1,
    uid: 'x',
    type: 'sanyi-lakehouse-datasource',
    name: 'x',
    jsonData: options,
    meta: {},
  } as DataSourceInstanceSettings<SanyiOptions>);
}

const query = (change: Partial<IndicatorQuery>): IndicatorQuery => ({
  ...DEFAULT_QUERY,
  refId: 'A',
  indicators: ['H001'],
  ...change,
});

describe('variables in a query', () => {
  it('makes one filter value of each value of a variable', () => {
    const sent = source().applyTemplateVariables(query({ where: { dept: ['$dept'], org_code: ['H1'] } }), {});
    expect(sent).toMatchObject({ where: { dept: ['0300', '0400'], org_code: ['H1'] } });
  });
  it.each([['$all'], ['$empty'], ['合计']])('takes %s for no filter', (value) => {
    expect(source().applyTemplateVariables(query({ where: { dept: [value] } }), {})).toMatchObject({ where: {} });
    expect(JSON.stringify(source().applyTemplateVariables(query({ where: { dept: [value] } }), {}))).not.toContain(
      'dept'
    );
  });
  it('writes variables into a fixed period and lets the back end expand macros', () => {
    const sent = source().applyTemplateVariables(
      query({ period: { mode: 'fixed', text: '$month..$__to(month)' } }),
      {}
    );
    expect(sent.period).toEqual({ mode: 'fixed', text: '2021-06..$__to(month)' });
  });
});

describe('variables in a query after cases', () => {
  const cases: CaseQuery = { ...DEFAULT_CASE_QUERY, refId: 'A' };
  it('fills in the stay and the filters', () => {
    const sent = source().applyTemplateVariables(
      { ...cases, view: 'explain', stay: ' $stay ', depts: ['$dept'], orgs: ['$all'], reasons: ['$empty'] },
      {}
    );
    expect(sent).toMatchObject({ stay: 'S-1001', depts: ['0300', '0400'], orgs: [], reasons: [], language: 'en' });
  });
  it('asks without a stay, so that the panel says to choose one', () => {
    expect(source().filterQuery({ ...cases, view: 'explain', stay: '$empty' })).toBe(true);
    expect(source().filterQuery({ ...cases, hide: true })).toBe(false);
    expect(source().applyTemplateVariables({ ...cases, stay: '$empty' }, {})).toMatchObject({ stay: '' });
  });
  it('keeps what an older dashboard saved', () => {
    expect(migrate({ refId: 'A', kind: 'case', view: 'explain', stay: 'x' })).toEqual({
      ...cases,
      view: 'explain',
      stay: 'x',
    });
    expect(migrate({ refId: 'A', indicators: ['H001'] })).toMatchObject({ kind: 'indicator', indicators: ['H001'] });
  });
});

describe('language of an answer', () => {
  it.each([
    ['zh-Hans', undefined, 'zh-Hans'],
    ['en-US', undefined, 'en'],
    ['en-US', 'zh-Hans', 'zh-Hans'],
  ] as const)('viewer %s, data source %s: %s', (viewer, chosen, want) => {
    config.bootData = { user: { language: viewer } } as typeof config.bootData;
    expect(source({ language: chosen }).applyTemplateVariables(query({}), {}).language).toBe(want);
  });
});

describe('dashboard variables', () => {
  it('lists the values of a dimension', async () => {
    const ds = source();
    const asked: unknown[] = [];
    ds.getResource = (async (path: string, params: unknown) => {
      asked.push([path, params]);
      return {
        values: [
          { value: '0300', text: '内科' },
          { value: '0400', text: '0400' },
        ],
      };
    }) as typeof ds.getResource;
    expect(await ds.metricFindQuery(' values( H001 , dept ) ')).toEqual([
      { text: '内科', value: '0300' },
      { text: '0400', value: '0400' },
    ]);
    expect(asked).toEqual([['values', { indicator: 'H001', dimension: 'dept' }]]);
  });
  it('lists the values of the range that the dashboard shows', async () => {
    const ds = source();
    const asked: unknown[] = [];
    ds.getResource = (async (_path: string, params: unknown) => {
      asked.push(params);
      return { values: [] };
    }) as typeof ds.getResource;
    const at = (ms: number) => ({ valueOf: () => ms });
    await ds.metricFindQuery('values(G001, org_code)', { range: { from: at(1), to: at(2) } as never });
    expect(asked).toEqual([{ indicator: 'G001', dimension: 'org_code', from: '1', to: '2' }]);
  });
  it('gives nothing for what it does not know', async () => {
    expect(await source().metricFindQuery('select 1')).toEqual([]);
  });
  it('asks for the catalogue once, and again after a failure', async () => {
    const ds = source();
    let calls = 0;
    ds.getResource = (async () => {
      calls += 1;
      if (calls === 1) {
        throw new Error('down');
      }
      return { indicators: [] };
    }) as typeof ds.getResource;
    await expect(ds.getCatalog()).rejects.toThrow('down');
    await ds.getCatalog();
    await ds.getCatalog();
    expect(calls).toBe(2);
  });
});

it('does not run a query without an indicator', () => {
  expect(source().filterQuery(query({ indicators: [] }))).toBe(false);
  expect(source().filterQuery(query({}))).toBe(true);
});
