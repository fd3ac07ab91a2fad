import { type DataSourceJsonData } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';

/** A panel's query: `kind` tells the members apart, `version` tells how old a saved one is. */
export type SanyiQuery = IndicatorQuery | CaseQuery;

/** The question after one or more indicators. plugin/pkg/lakehouse/query.go reads the same shape. */
export interface IndicatorQuery extends DataQuery {
  kind: 'indicator';
  version: 1;
  indicators: string[];
  grain: Grain;
  by: string[];
  compare: string[];
  where: Record<string, string[]>;
  totals: boolean;
  /** Whose region counts; absent: the indicator's own. */
  viewpoint?: Viewpoint;
  /** Of cases grouped or settled by several methods, the one that counts; absent: the one in force. */
  choose?: Partial<Record<'scheme' | 'params', string>>;
  period: Period;
  format: Format;
  /** Which numbers of a row to show; empty: what the format shows. */
  figures: Figure[];
  /** Language of who looks; set when the query is sent, never saved. */
  language?: string;
}

/** The question after single cases. plugin/pkg/lakehouse/cases.go reads the same shape. */
export interface CaseQuery extends DataQuery {
  kind: 'case';
  version: 1;
  view: CaseView;
  /** Of a list: the days of discharge, and filters of which each takes any of its values. */
  period: Exclude<Period, { mode: 'today' }>;
  orgs: string[];
  depts: string[];
  groups: string[];
  mdcs: string[];
  statuses: string[];
  reasons: string[];
  tiers: string[];
  order: CaseOrder;
  limit: number;
  /** Of an explanation: which stay, and which sections; none: all. */
  stay: string;
  sections: CaseSection[];
  /** Grouping scheme; empty: the one in force. */
  scheme: string;
  language?: string;
}

export type CaseView = 'list' | 'explain';
export type CaseOrder = 'discharge' | 'cost' | 'loss';
export type CaseSection = 'result' | 'code' | 'trace' | 'neighbour' | 'severity' | 'settlement';

/** The filters of a list of cases. */
export const CASE_FILTERS = ['orgs', 'depts', 'groups', 'mdcs', 'statuses', 'reasons', 'tiers'] as const;
export type CaseFilter = (typeof CASE_FILTERS)[number];

export type Grain = 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year' | 'total';
export type Viewpoint = 'care' | 'insured' | 'residence';
export type Format = 'time_series' | 'table';
export type Figure = 'value' | 'base' | 'change' | 'points' | 'numerator' | 'denominator' | 'at';

/** `range`: the panel's; `today`: the day (week, month … by grain) in which the panel's range ends; `fixed`: as written. */
export type Period = { mode: 'range' } | { mode: 'today' } | { mode: 'fixed'; text: string };

export interface SanyiOptions extends DataSourceJsonData {
  /** Empty: the language of who looks. */
  language?: '' | 'zh-Hans' | 'en';
  /** Indicators that look from here come first in the editor. */
  viewpoint?: '' | Viewpoint;
  tlsAuthWithCACert?: boolean;
}

export interface SanyiSecrets {
  token?: string;
  tlsCACert?: string;
}

/** The service's catalogue: internal/serve/api has the same shape. */
export interface Catalog {
  publication: { id: number; published_at: string };
  time_zone: string;
  min_cell: number;
  identity: string;
  scope: string;
  /** Whether the token may see single cases. */
  cases?: boolean;
  indicators: Indicator[];
}

export interface Text {
  zh: string;
  en: string;
}

export interface Named {
  id: string;
  title: Text;
}

/** A value of a dimension and what people call it. */
export interface DimensionValue {
  value: string;
  text: string;
}

export interface Indicator extends Named {
  meaning: Text;
  unit: string;
  group: string;
  direction: string;
  viewpoint: string;
  grains: Grain[] | null;
  dimensions: Named[] | null;
  comparisons: Named[] | null;
}

export const DEFAULT_QUERY: Omit<IndicatorQuery, 'refId'> = {
  kind: 'indicator',
  version: 1,
  indicators: [],
  grain: 'day',
  by: [],
  compare: [],
  where: {},
  totals: false,
  period: { mode: 'range' },
  format: 'time_series',
  figures: [],
};

export const DEFAULT_CASE_QUERY: Omit<CaseQuery, 'refId'> = {
  kind: 'case',
  version: 1,
  view: 'list',
  period: { mode: 'range' },
  orgs: [],
  depts: [],
  groups: [],
  mdcs: [],
  statuses: [],
  reasons: [],
  tiers: [],
  order: 'discharge',
  limit: 200,
  stay: '',
  sections: [],
  scheme: '',
};
