// @vitest-environment node
import { chosen, common, commonGrains, searchIndicators } from '@/catalog';
import { migrate } from '@/migrate';
import { type Catalog, DEFAULT_QUERY, type Indicator } from '@/types';

const indicator = (id: string, zh: string, en: string, change: Partial<Indicator> = {}): Indicator => ({
  id,
  title: { zh, en },
  meaning: { zh: '', en: '' },
  unit: '人次',
  group: '医疗',
  direction: 'none',
  viewpoint: 'care',
  grains: ['day', 'month'],
  dimensions: [{ id: 'dept', title: { zh: '科室', en: 'Department' } }],
  comparisons: [],
  ...change,
});

const catalog = {
  indicators: [
    indicator('H005', '门急诊高峰小时人次', 'Peak-hour visits', { grains: ['day'] }),
    indicator('H001', '门急诊人次', 'Outpatient and emergency visits'),
    indicator('I020', '异地就医直接结算率', 'Cross-region direct settlement', {
      viewpoint: 'insured',
      group: '医保',
      dimensions: null,
    }),
  ],
} as Catalog;

describe('search', () => {
  it.each([
    ['门急诊', ['H001', 'H005']],
    ['visits peak', ['H005']],
    ['h00', ['H001', 'H005']],
    ['医保', ['I020']],
    ['nothing', []],
    ['', ['H001', 'H005', 'I020']],
  ])('%s finds %s', (text, want) => {
    expect(searchIndicators(catalog, text).map((i) => i.id)).toEqual(want);
  });
  it('puts the preferred viewpoint first', () => {
    expect(searchIndicators(catalog, '', 'insured').map((i) => i.id)).toEqual(['I020', 'H001', 'H005']);
  });
});

it('offers only what every chosen indicator has', () => {
  expect(common(chosen(catalog, ['H001', 'H005']), 'dimensions').map((d) => d.id)).toEqual(['dept']);
  expect(common(chosen(catalog, ['H001', 'I020']), 'dimensions')).toEqual([]);
  expect(commonGrains(chosen(catalog, ['H001', 'H005']))).toEqual(['day', 'total']);
});

describe('old saved queries', () => {
  it('gets defaults for what it lacks', () => {
    expect(migrate({ refId: 'A', indicators: ['H001'] })).toEqual({
      ...DEFAULT_QUERY,
      refId: 'A',
      indicators: ['H001'],
    });
  });
  it('keeps the one indicator of the first shape', () => {
    expect(migrate({ refId: 'A', indicator: 'H001' } as never)).toMatchObject({ indicators: ['H001'] });
  });
  it('leaves a newer version alone', () => {
    const newer = { refId: 'A', version: 2, sql: 'x' } as never;
    expect(migrate(newer)).toBe(newer);
  });
});
