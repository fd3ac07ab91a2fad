import { Alert, Combobox, InlineField, InlineFieldRow, Input, MultiCombobox, RadioButtonGroup } from '@grafana/ui';
import { type ChangeEvent } from 'react';

import { labels } from '@/labels';
import { t } from '@/language';
import {
  CASE_FILTERS,
  type CaseFilter,
  type CaseOrder,
  type CaseQuery,
  type CaseSection,
  type CaseView,
  type Catalog,
} from '@/types';

interface Props {
  query: CaseQuery;
  catalog?: Catalog;
  onChange: (query: CaseQuery) => void;
  onRunQuery: () => void;
}

const LABEL_WIDTH = 14;
const ORDERS: CaseOrder[] = ['discharge', 'cost', 'loss'];
const SECTIONS: CaseSection[] = ['result', 'code', 'trace', 'neighbour', 'severity', 'settlement'];

/** What is known to be a value; any other may be written. */
const OFFERED: Partial<Record<CaseFilter, string[]>> = {
  statuses: ['OK', '0000', 'QY'],
  tiers: ['normal', 'high', 'low', 'ungrouped', 'excluded', 'special', 'bed_day'],
};

/** A list of cases, or why one of them was grouped as it was. */
export function CaseEditor({ query, catalog, onChange, onRunQuery }: Props) {
  const set = (change: Partial<CaseQuery>) => {
    onChange({ ...query, ...change });
    onRunQuery();
  };
  const typed = (change: Partial<CaseQuery>) => onChange({ ...query, ...change });
  return (
    <>
      {catalog !== undefined && catalog.cases !== true && (
        <Alert title={t('caseDenied')} severity="info" data-testid={labels.cases.denied}>
          {t('caseDeniedTip')}
        </Alert>
      )}
      <InlineFieldRow>
        <InlineField label={t('view')} labelWidth={LABEL_WIDTH}>
          <RadioButtonGroup<CaseView>
            id={labels.cases.view}
            options={[
              { value: 'list', label: t('viewList') },
              { value: 'explain', label: t('viewExplain') },
            ]}
            value={query.view}
            onChange={(view) => set({ view })}
          />
        </InlineField>
        <InlineField label={t('scheme')} tooltip={t('schemeTip')} htmlFor={labels.cases.scheme}>
          <Input
            id={labels.cases.scheme}
            width={24}
            value={query.scheme}
            onChange={(e: ChangeEvent<HTMLInputElement>) => typed({ scheme: e.target.value })}
            onBlur={onRunQuery}
          />
        </InlineField>
      </InlineFieldRow>
      {query.view === 'explain' ? (
        <InlineFieldRow>
          <InlineField label={t('stay')} tooltip={t('stayTip')} labelWidth={LABEL_WIDTH} htmlFor={labels.cases.stay}>
            <Input
              id={labels.cases.stay}
              width={32}
              placeholder="$stay"
              value={query.stay}
              onChange={(e: ChangeEvent<HTMLInputElement>) => typed({ stay: e.target.value })}
              onBlur={onRunQuery}
            />
          </InlineField>
          <InlineField label={t('sections')} tooltip={t('sectionsTip')} htmlFor={labels.cases.sections}>
            <MultiCombobox
              id={labels.cases.sections}
              data-testid={labels.cases.sections}
              width={40}
              placeholder={t('choose')}
              options={SECTIONS.map((value) => ({ value, label: t(value) }))}
              value={query.sections}
              onChange={(list) => set({ sections: list.map((o) => o.value) })}
            />
          </InlineField>
        </InlineFieldRow>
      ) : (
        <>
          <InlineFieldRow>
            <InlineField label={t('period')} labelWidth={LABEL_WIDTH}>
              <RadioButtonGroup<CaseQuery['period']['mode']>
                id={labels.cases.period}
                options={[
                  { value: 'range', label: t('range') },
                  { value: 'fixed', label: t('fixed') },
                ]}
                value={query.period.mode}
                onChange={(mode) => set({ period: mode === 'fixed' ? { mode, text: '$__to(month)' } : { mode } })}
              />
            </InlineField>
            {query.period.mode === 'fixed' && (
              <InlineField label={t('periodText')} tooltip={t('periodTextTip')} htmlFor={labels.cases.periodText}>
                <Input
                  id={labels.cases.periodText}
                  width={32}
                  value={query.period.text}
                  onChange={(e: ChangeEvent<HTMLInputElement>) =>
                    typed({ period: { mode: 'fixed', text: e.target.value } })
                  }
                  onBlur={onRunQuery}
                />
              </InlineField>
            )}
            <InlineField label={t('order')} htmlFor={labels.cases.order}>
              <Combobox
                id={labels.cases.order}
                data-testid={labels.cases.order}
                width={26}
                options={ORDERS.map((value) => ({ value, label: t(value) }))}
                value={query.order}
                onChange={(o) => set({ order: o.value })}
              />
            </InlineField>
            <InlineField label={t('limit')} tooltip={t('limitTip')} htmlFor={labels.cases.limit}>
              <Input
                id={labels.cases.limit}
                type="number"
                width={12}
                min={1}
                max={1000}
                value={query.limit}
                onChange={(e: ChangeEvent<HTMLInputElement>) =>
                  typed({ limit: Math.min(1000, Math.max(1, Number(e.target.value) || 1)) })
                }
                onBlur={onRunQuery}
              />
            </InlineField>
          </InlineFieldRow>
          {[CASE_FILTERS.slice(0, 4), CASE_FILTERS.slice(4)].map((row) => (
            <InlineFieldRow key={row[0]}>
              {row.map((name, i) => (
                <InlineField
                  key={name}
                  label={t(name)}
                  labelWidth={i === 0 ? LABEL_WIDTH : undefined}
                  htmlFor={labels.cases.filter(name)}
                >
                  <MultiCombobox
                    id={labels.cases.filter(name)}
                    data-testid={labels.cases.filter(name)}
                    width={24}
                    placeholder={t('values')}
                    createCustomValue
                    options={choices(OFFERED[name] ?? [], query[name])}
                    value={query[name]}
                    onChange={(list) => set({ [name]: list.map((o) => o.value) })}
                  />
                </InlineField>
              ))}
            </InlineFieldRow>
          ))}
        </>
      )}
    </>
  );
}

/** What is offered and what was written by hand before. */
function choices(offered: string[], taken: string[]): Array<{ value: string; label: string }> {
  return [...new Set([...offered, ...taken])].map((value) => ({ value, label: value }));
}
