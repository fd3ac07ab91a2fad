import { type QueryEditorProps } from '@grafana/data';
import {
  Alert,
  Button,
  Combobox,
  InlineField,
  InlineFieldRow,
  InlineSwitch,
  Input,
  MultiCombobox,
  RadioButtonGroup,
} from '@grafana/ui';
import { type ChangeEvent, useState } from 'react';

import { CaseEditor } from '@/CaseEditor';
import { FilterEditor } from '@/FilterEditor';
import { chosen, common, commonGrains, FIGURES, searchIndicators } from '@/catalog';
import { type SanyiDataSource } from '@/datasource';
import { labels } from '@/labels';
import { t, titleOf } from '@/language';
import { migrate } from '@/migrate';
import {
  type Catalog,
  DEFAULT_CASE_QUERY,
  DEFAULT_QUERY,
  type Format,
  type Indicator,
  type IndicatorQuery,
  type Named,
  type Period,
  type SanyiOptions,
  type SanyiQuery,
} from '@/types';
import { useCatalog } from '@/useCatalog';

type Props = QueryEditorProps<SanyiDataSource, SanyiQuery, SanyiOptions>;

const LABEL_WIDTH = 14;

/** Asks for indicators or for cases. What each of them was set to is left behind when the other one is chosen. */
export function QueryEditor({ datasource, query: saved, onChange, onRunQuery }: Props) {
  const query = migrate(saved);
  const { catalog, error } = useCatalog(datasource);
  const choose = (kind: SanyiQuery['kind']) => {
    const kept = { refId: query.refId, datasource: query.datasource, hide: query.hide };
    onChange(kind === 'case' ? { ...DEFAULT_CASE_QUERY, ...kept } : { ...DEFAULT_QUERY, ...kept });
    onRunQuery();
  };
  return (
    <>
      {error !== undefined && (
        <Alert title={t('catalogFailed')} severity="warning" data-testid={labels.query.error}>
          {error}
        </Alert>
      )}
      <InlineFieldRow>
        <InlineField label={t('kind')} labelWidth={LABEL_WIDTH}>
          <RadioButtonGroup<SanyiQuery['kind']>
            id={labels.query.kind}
            options={[
              { value: 'indicator', label: t('kindIndicator') },
              { value: 'case', label: t('kindCase') },
            ]}
            value={query.kind}
            onChange={choose}
          />
        </InlineField>
      </InlineFieldRow>
      {query.kind === 'case' ? (
        <CaseEditor query={query} catalog={catalog} onChange={onChange} onRunQuery={onRunQuery} />
      ) : (
        <IndicatorEditor
          datasource={datasource}
          query={query}
          catalog={catalog}
          onChange={onChange}
          onRunQuery={onRunQuery}
        />
      )}
    </>
  );
}

interface IndicatorProps extends Pick<Props, 'datasource' | 'onChange' | 'onRunQuery'> {
  query: IndicatorQuery;
  catalog?: Catalog;
}

/** Which indicators, over what time, by what, against what. Everything offered comes from the catalogue. */
function IndicatorEditor({ datasource, query, catalog, onChange, onRunQuery }: IndicatorProps) {
  const [blank, setBlank] = useState(false); // a filter that has no dimension yet is not saved
  const indicators = chosen(catalog, query.indicators);
  const dimensions = common(indicators, 'dimensions');
  const set = (change: Partial<IndicatorQuery>) => {
    onChange({ ...query, ...change });
    onRunQuery();
  };
  const filters = Object.entries(query.where);
  const setFilter = (old: string, dimension: string, values: string[]) => {
    setBlank(false);
    set({ where: Object.fromEntries([...filters.filter(([d]) => d !== old && d !== dimension), [dimension, values]]) });
  };
  return (
    <>
      <InlineFieldRow>
        <InlineField
          label={t('indicators')}
          tooltip={t('indicatorsTip')}
          labelWidth={LABEL_WIDTH}
          htmlFor={labels.query.indicators}
          grow
        >
          <MultiCombobox
            id={labels.query.indicators}
            data-testid={labels.query.indicators}
            placeholder={t('choose')}
            options={async (text) =>
              searchIndicators(await datasource.getCatalog(), text, datasource.options.viewpoint).map(indicatorOption)
            }
            value={query.indicators.map((id) => indicatorOption(indicators.find((i) => i.id === id) ?? id))}
            onChange={(list) => set({ indicators: list.map((o) => o.value) })}
          />
        </InlineField>
        <InlineField label={t('format')}>
          <RadioButtonGroup<Format>
            id={labels.query.format}
            options={[
              { value: 'time_series', label: t('series') },
              { value: 'table', label: t('table') },
            ]}
            value={query.format}
            onChange={(format) =>
              set({ format, grain: format === 'time_series' && query.grain === 'total' ? 'day' : query.grain })
            }
          />
        </InlineField>
      </InlineFieldRow>
      <InlineFieldRow>
        <InlineField label={t('period')} tooltip={t('periodTip')} labelWidth={LABEL_WIDTH}>
          <RadioButtonGroup<Period['mode']>
            id={labels.query.period}
            options={[
              { value: 'range', label: t('range') },
              { value: 'today', label: t('today') },
              { value: 'fixed', label: t('fixed') },
            ]}
            value={query.period.mode}
            onChange={(mode) =>
              set({ period: mode === 'fixed' ? { mode, text: '$__from(day)..$__to(day)' } : { mode } })
            }
          />
        </InlineField>
        {query.period.mode === 'fixed' && (
          <InlineField label={t('periodText')} tooltip={t('periodTextTip')} htmlFor={labels.query.periodText}>
            <Input
              id={labels.query.periodText}
              width={40}
              value={query.period.text}
              onChange={(e: ChangeEvent<HTMLInputElement>) =>
                onChange({ ...query, period: { mode: 'fixed', text: e.target.value } })
              }
              onBlur={onRunQuery}
            />
          </InlineField>
        )}
        <InlineField label={t('grain')} htmlFor={labels.query.grain}>
          <Combobox
            id={labels.query.grain}
            data-testid={labels.query.grain}
            width={18}
            options={commonGrains(indicators)
              .filter((g) => g !== 'total' || query.format === 'table')
              .map((value) => ({ value, label: t(value) }))}
            value={query.grain}
            onChange={(o) => set({ grain: o.value })}
          />
        </InlineField>
      </InlineFieldRow>
      <InlineFieldRow>
        <InlineField label={t('by')} tooltip={t('byTip')} labelWidth={LABEL_WIDTH} htmlFor={labels.query.by}>
          <MultiCombobox
            id={labels.query.by}
            data-testid={labels.query.by}
            width={36}
            placeholder={t('choose')}
            options={options(dimensions, query.by)}
            value={query.by}
            onChange={(list) => set({ by: list.map((o) => o.value) })}
          />
        </InlineField>
        <InlineField label={t('totals')} htmlFor={labels.query.totals} disabled={query.by.length === 0}>
          <InlineSwitch
            id={labels.query.totals}
            value={query.totals}
            onChange={(e: ChangeEvent<HTMLInputElement>) => set({ totals: e.target.checked })}
          />
        </InlineField>
        <InlineField label={t('compare')} htmlFor={labels.query.compare}>
          <MultiCombobox
            id={labels.query.compare}
            data-testid={labels.query.compare}
            width={32}
            placeholder={t('choose')}
            options={options(common(indicators, 'comparisons'), query.compare)}
            value={query.compare}
            onChange={(list) => set({ compare: list.map((o) => o.value) })}
          />
        </InlineField>
        <InlineField label={t('figures')} tooltip={t('figuresTip')} htmlFor={labels.query.figures}>
          <MultiCombobox
            id={labels.query.figures}
            data-testid={labels.query.figures}
            width={28}
            placeholder={t('choose')}
            options={FIGURES.map((value) => ({ value, label: t(value) }))}
            value={query.figures}
            onChange={(list) => set({ figures: list.map((o) => o.value) })}
          />
        </InlineField>
      </InlineFieldRow>
      {[...filters, ...(blank ? [['', []] as [string, string[]]] : [])].map(([dimension, values]) => (
        <FilterEditor
          key={dimension}
          dimension={dimension}
          values={values}
          dimensions={dimensions}
          loadValues={(d) => datasource.getValues(query.indicators[0], d)}
          onChange={(d, v) => setFilter(dimension, d, v)}
          onRemove={() =>
            dimension === ''
              ? setBlank(false)
              : set({ where: Object.fromEntries(filters.filter(([d]) => d !== dimension)) })
          }
        />
      ))}
      <Button
        size="sm"
        variant="secondary"
        icon="plus"
        data-testid={labels.query.addFilter}
        disabled={blank || dimensions.length === 0}
        onClick={() => setBlank(true)}
      >
        {t('addFilter')}
      </Button>
      {indicators.length > 0 && (
        <ul data-testid={labels.query.meaning} style={{ margin: '8px 0 0 16px', fontSize: 12, opacity: 0.8 }}>
          {indicators.map((i) => (
            <li key={i.id}>
              {i.id} {titleOf(i.title)} · {t('unit')} {i.unit || '–'}
              {titleOf(i.meaning) !== '' && ` · ${titleOf(i.meaning)}`}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function indicatorOption(i: Indicator | string) {
  if (typeof i === 'string') {
    return { value: i, label: i };
  }
  return {
    value: i.id,
    label: `${i.id} ${titleOf(i.title)}`,
    description: [i.group, i.unit].filter(Boolean).join(' · '),
  };
}

/** What can be chosen, and what was chosen although it cannot be any more: it must show to be taken off. */
function options(offered: Named[], taken: string[]) {
  const gone = taken
    .filter((id) => !offered.some((o) => o.id === id))
    .map((id) => ({ value: id, label: `${id} ?`, description: '' }));
  return [...offered.map((o) => ({ value: o.id, label: titleOf(o.title) || o.id, description: o.id })), ...gone];
}
