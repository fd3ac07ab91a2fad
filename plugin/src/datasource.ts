import {
  type DataQueryRequest,
  type DataSourceInstanceSettings,
  type MetricFindValue,
  type ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime';

import { titleOf, viewerLanguage } from '@/language';
import { migrate } from '@/migrate';
import { type Catalog, DEFAULT_QUERY, type DimensionValue, type SanyiOptions, type SanyiQuery } from '@/types';

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

  filterQuery(query: SanyiQuery): boolean {
    return !query.hide && migrate(query).indicators.length > 0;
  }

  query(request: DataQueryRequest<SanyiQuery>) {
    return super.query({ ...request, targets: request.targets.map(migrate) });
  }

  applyTemplateVariables(query: SanyiQuery, scopedVars: ScopedVars): SanyiQuery {
    const values = (list: string[]) => list.flatMap((v) => replaceAll(v, scopedVars));
    const where = Object.entries(query.where).map(([dim, list]): [string, string[]] => [dim, values(list)]);
    return {
      ...query,
      indicators: values(query.indicators),
      by: values(query.by),
      where: Object.fromEntries(where.filter(([, list]) => list.length > 0 && !ANY.some((any) => list.includes(any)))),
      period:
        query.period.mode === 'fixed'
          ? { mode: 'fixed', text: getTemplateSrv().replace(query.period.text, scopedVars) }
          : query.period,
      language: this.options.language || (viewerLanguage() === 'zh' ? 'zh-Hans' : 'en'),
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

  async getValues(indicator: string, dimension: string): Promise<DimensionValue[]> {
    const found = await this.getResource<{ values: DimensionValue[] }>('values', { indicator, dimension });
    return found.values;
  }

  /** Dashboard variables: `indicators()` or `values(H001, dept)`. */
  async metricFindQuery(query: string): Promise<MetricFindValue[]> {
    const call = /^\s*(indicators|values)\s*\(\s*([^,()]*?)\s*(?:,\s*([^,()]*?)\s*)?\)\s*$/.exec(
      getTemplateSrv().replace(query)
    );
    if (call?.[1] === 'indicators') {
      const catalog = await this.getCatalog();
      return catalog.indicators.map((i) => ({ text: `${i.id} ${titleOf(i.title)}`, value: i.id }));
    }
    if (call?.[1] === 'values' && call[2] && call[3]) {
      return this.getValues(call[2], call[3]);
    }
    return [];
  }
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
