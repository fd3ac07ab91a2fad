import { type Catalog, type Figure, type Grain, type Indicator, type Named } from '@/types';

export const GRAINS: Grain[] = ['hour', 'day', 'week', 'month', 'quarter', 'year', 'total'];
export const FIGURES: Figure[] = ['value', 'base', 'change', 'points', 'numerator', 'denominator', 'at'];

/** Indicators whose code or title, in either language, holds every word searched for; the preferred viewpoint first. */
export function searchIndicators(catalog: Catalog, text: string, viewpoint = ''): Indicator[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = catalog.indicators.filter((i) => {
    const hay = `${i.id} ${i.title.zh} ${i.title.en} ${i.group}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const rank = (i: Indicator) => (viewpoint !== '' && i.viewpoint === viewpoint ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id));
}

/** The chosen indicators that the catalogue knows, in the order chosen. */
export function chosen(catalog: Catalog | undefined, ids: string[]): Indicator[] {
  return ids.flatMap((id) => catalog?.indicators.find((i) => i.id === id) ?? []);
}

/** What every chosen indicator has: a question can only group or compare by that. */
export function common(indicators: Indicator[], what: 'dimensions' | 'comparisons'): Named[] {
  const [first, ...rest] = indicators.map((i) => i[what] ?? []);
  return (first ?? []).filter((d) => rest.every((list) => list.some((other) => other.id === d.id)));
}

/** The grains that every chosen indicator has, and the whole period. */
export function commonGrains(indicators: Indicator[]): Grain[] {
  return GRAINS.filter((g) => g === 'total' || indicators.every((i) => (i.grains ?? GRAINS).includes(g)));
}
