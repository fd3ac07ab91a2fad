import { Combobox, IconButton, InlineField, InlineFieldRow, MultiCombobox } from '@grafana/ui';

import { labels } from '@/labels';
import { t, titleOf } from '@/language';
import { type DimensionValue, type Named } from '@/types';

interface Props {
  dimension: string;
  values: string[];
  dimensions: Named[];
  loadValues: (dimension: string) => Promise<DimensionValue[]>;
  onChange: (dimension: string, values: string[]) => void;
  onRemove: () => void;
}

/** One filter: a dimension and which of its values count. */
export function FilterEditor({ dimension, values, dimensions, loadValues, onChange, onRemove }: Props) {
  const known = dimensions.map((d) => ({ value: d.id, label: titleOf(d.title) || d.id, description: d.id }));
  const search = async (text: string) => {
    const found = await loadValues(dimension).catch(() => []);
    return found
      .filter((v) => `${v.value} ${v.text}`.toLowerCase().includes(text.toLowerCase()))
      .map((v) => ({ value: v.value, label: v.text, description: v.text === v.value ? undefined : v.value }));
  };
  return (
    <InlineFieldRow>
      <InlineField label={t('filters')} labelWidth={14}>
        <Combobox
          data-testid={labels.query.filterDimension}
          width={24}
          placeholder={t('dimension')}
          options={known}
          value={dimension || null}
          onChange={(o) => onChange(o.value, [])}
        />
      </InlineField>
      <InlineField>
        <MultiCombobox
          key={dimension}
          data-testid={labels.query.filterValues}
          width={40}
          placeholder={t('values')}
          disabled={dimension === ''}
          createCustomValue
          options={search}
          value={values.map((value) => ({ value, label: value }))}
          onChange={(list) =>
            onChange(
              dimension,
              list.map((o) => o.value)
            )
          }
        />
      </InlineField>
      <IconButton name="times" tooltip={t('removeFilter')} data-testid={labels.query.removeFilter} onClick={onRemove} />
    </InlineFieldRow>
  );
}
