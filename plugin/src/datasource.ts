import {
  type DataQueryRequest,
  type DataSourceInstanceSettings,
  type MetricFindValue,
  type ScopedVars,
  type TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime';

import { titleOf, viewerLanguage } from '@/language';
import { migrate } from '@/migrate';
import {
  CASE_FILTERS,
  type CaseFilter,
  type Catalog,
  DEFAULT_QUERY,
  type DimensionValue,
  type SanyiOptions,
  type SanyiQuery,
} from '@/types';

/**
 * Values that mean no filter at all: what a variable with “All” sends (so that rows without a value count too), and
 * the words of a table's total row, which a drill-down link carries on.
 */
const ANY = ['*', '合计', 'Total'];

/** Talks to the back end, which owns the truth: catalogue, macros, checks and permission come from there. */
export class SanyiDataSource extends DataSourceWithBackend<SanyiQuery, SanyiOptions> {
  readonly options: SanyiOptions;
  private loading?: Promise<Catalog>;

  constructor(settings: DataSourceInstanceSettings<SanyiOptions>) {
    super(settings);
    this.options = settings.jsonData;
  }

  getDefaultQuery(): Partial<SanyiQuery> {
    return DEFAULT_QUERY;
  }

  filterQuery(saved: SanyiQuery): boolean {
    const query = migrate(saved);
    return !query.hide && (query.kind === 'case' || query.indicators.length > 0);
  }

  query(request: DataQueryRequest<SanyiQuery>) {
    return super.query({ ...request, targets: request.targets.map(migrate) });
  }

  applyTemplateVariables(query: SanyiQuery, scopedVars: ScopedVars): SanyiQuery {
    const values = (list: string[]) => list.flatMap((v) => replaceAll(v, scopedVars));
    const text = (v: string) => getTemplateSrv().replace(v, scopedVars);
    const language = this.options.language || (viewerLanguage() === 'zh' ? 'zh-Hans' : 'en');
    if (query.kind === 'case') {
      const filters = CASE_FILTERS.map((name): [CaseFilter, string[]] => [name, filter(values(query[name]))]);
      return {
        ...query,
        ...Object.fromEntries(filters),
        stay: text(query.stay).trim(),
        scheme: text(query.scheme),
        period: query.period.mode === 'fixed' ? { mode: 'fixed', text: text(query.period.text) } : query.period,
        language,
      };
    }
    const where = Object.entries(query.where).map(([dim, list]): [string, string[]] => [dim, values(list)]);
    return {
      ...query,
      indicators: values(query.indicators),
      by: values(query.by),
      where: Object.fromEntries(where.filter(([, list]) => filter(list).length > 0)),
      ...(query.choose && {
        choose: Object.fromEntries(Object.entries(query.choose).map(([name, id]) => [name, text(id)])),
      }),
      period: query.period.mode === 'fixed' ? { mode: 'fixed', text: text(query.period.text) } : query.period,
      language,
    };
  }

  /** The catalogue, fetched once a page; a failure is not kept. */
  getCatalog(): Promise<Catalog> {
    this.loading ??= this.getResource<Catalog>('catalog').catch((err: unknown) => {
      this.loading = undefined;
      throw err;
    });
    return this.loading;
  }

  /** The values that a dimension took in a range, or in the last 90 days. */
  async getValues(indicator: string, dimension: string, range?: TimeRange): Promise<DimensionValue[]> {
    const span = range && { from: String(range.from.valueOf()), to: String(range.to.valueOf()) };
    const found = await this.getResource<{ values: DimensionValue[] }>('values', { indicator, dimension, ...span });
    return found.values;
  }

  /** Dashboard variables: `indicators()` or `values(H001, dept)`. */
  async metricFindQuery(query: string, options?: { range?: TimeRange }): Promise<MetricFindValue[]> {
    const call = /^\s*(indicators|values)\s*\(\s*([^,()]*?)\s*(?:,\s*([^,()]*?)\s*)?\)\s*$/.exec(
      getTemplateSrv().replace(query)
    );
    if (call?.[1] === 'indicators') {
      const catalog = await this.getCatalog();
      return catalog.indicators.map((i) => ({ text: `${i.id} ${titleOf(i.title)}`, value: i.id }));
    }
    if (call?.[1] === 'values' && call[2] && call[3]) {
      return this.getValues(call[2], call[3], options?.range);
    }
    return [];
  }
}

/** The values of a filter; none where one of them means any. */
function filter(list: string[]): string[] {
  return ANY.some((any) => list.includes(any)) ? [] : list;
}

/** Puts variables into a text; one that stands for several values gives several texts. */
function replaceAll(text: string, scopedVars: ScopedVars): string[] {
  let lists: string[][] = [];
  const out = getTemplateSrv().replace(text, scopedVars, (value: string | string[]) => {
    lists = [...lists, Array.isArray(value) ? value : [value]];
    return Array.isArray(value) ? value.join(',') : value;
  });
  const only = lists.length === 1 && out === lists[0].join(',') ? lists[0] : [out];
  return only.filter((v) => v !== '');
}
