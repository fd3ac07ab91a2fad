import { type CaseQuery, DEFAULT_CASE_QUERY, DEFAULT_QUERY, type IndicatorQuery, type SanyiQuery } from '@/types';

/**
 * Brings a saved query to the present shape. Steps are only ever added: a dashboard saved by any older version must
 * still open. A query of a newer version is left alone, and the back end says so.
 */
export function migrate(saved: Partial<SanyiQuery> & { refId: string }): SanyiQuery {
  if ((saved.version ?? 1) > 1) {
    return saved as SanyiQuery;
  }
  if (saved.kind === 'case') {
    return { ...DEFAULT_CASE_QUERY, ...(saved as Partial<CaseQuery> & { refId: string }) };
  }
  // A query without a kind is older than cases are, and asks indicators.
  const query: IndicatorQuery = {
    ...DEFAULT_QUERY,
    ...(saved as Partial<IndicatorQuery> & { refId: string }),
    kind: 'indicator',
    version: 1,
  };
  // Before version 1 was fixed, a panel could be saved with one indicator as a text.
  const single = (saved as { indicator?: unknown }).indicator;
  if (query.indicators.length === 0 && typeof single === 'string' && single !== '') {
    query.indicators = [single];
  }
  return query;
}
