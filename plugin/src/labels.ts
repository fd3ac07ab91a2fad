/** Ids by which tests, and people with screen readers, find the parts of the editors. */
export const labels = {
  config: {
    url: 'sanyi-config-url',
    token: 'sanyi-config-token',
    language: 'sanyi-config-language',
    viewpoint: 'sanyi-config-viewpoint',
    ca: 'sanyi-config-ca',
    caText: 'sanyi-config-ca-text',
  },
  query: {
    indicators: 'sanyi-query-indicators',
    format: 'sanyi-query-format',
    period: 'sanyi-query-period',
    periodText: 'sanyi-query-period-text',
    grain: 'sanyi-query-grain',
    by: 'sanyi-query-by',
    compare: 'sanyi-query-compare',
    totals: 'sanyi-query-totals',
    figures: 'sanyi-query-figures',
    addFilter: 'sanyi-query-add-filter',
    filterDimension: 'sanyi-query-filter-dimension',
    filterValues: 'sanyi-query-filter-values',
    removeFilter: 'sanyi-query-remove-filter',
    meaning: 'sanyi-query-meaning',
    error: 'sanyi-query-error',
  },
} as const;
