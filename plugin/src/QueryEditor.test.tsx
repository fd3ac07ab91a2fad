import { config } from '@grafana/runtime';
import { fireEvent, render, screen } from '@testing-library/react';
import { vi } from 'vitest';

import { CaseEditor } from '@/CaseEditor';
import { QueryEditor } from '@/QueryEditor';
import { type SanyiDataSource } from '@/datasource';
import { labels } from '@/labels';
import { type CaseQuery, type Catalog, DEFAULT_CASE_QUERY, DEFAULT_QUERY, type IndicatorQuery } from '@/types';

const visits = {
  id: 'H001',
  title: { zh: '门急诊人次', en: 'Visits' },
  meaning: { zh: '只计完成接诊', en: 'Completed visits' },
  unit: '人次',
  group: '医疗',
  direction: 'none',
  viewpoint: 'care',
  grains: ['hour', 'day'],
  dimensions: [{ id: 'dept', title: { zh: '科室', en: 'Department' } }],
  comparisons: [{ id: 'wow', title: { zh: '较上周同日', en: 'vs last week' } }],
};

function show(query: Partial<IndicatorQuery>, getCatalog: () => Promise<unknown>) {
  const datasource = { options: {}, getCatalog, getValues: async () => [] } as unknown as SanyiDataSource;
  const change = vi.fn();
  const run = vi.fn();
  render(
    <QueryEditor
      datasource={datasource}
      query={{ ...DEFAULT_QUERY, refId: 'A', ...query }}
      onChange={change}
      onRunQuery={run}
    />
  );
  return { change, run };
}

describe('the query editor', () => {
  beforeEach(() => {
    config.bootData = { user: { language: 'zh-Hans' } } as typeof config.bootData;
  });
  it('tells what the chosen indicator means', async () => {
    show({ indicators: ['H001'] }, async () => ({ indicators: [visits] }));
    expect(await screen.findByTestId(labels.query.meaning)).toHaveTextContent(
      'H001 门急诊人次 · 单位 人次 · 只计完成接诊'
    );
  });
  it('changes the period and asks again', async () => {
    const { change, run } = show({ indicators: ['H001'] }, async () => ({ indicators: [visits] }));
    fireEvent.click(await screen.findByLabelText('当期'));
    expect(change.mock.lastCall?.[0]).toMatchObject({ kind: 'indicator', version: 1, period: { mode: 'today' } });
    expect(run).toHaveBeenCalledTimes(1);
  });
  it('shows an indicator that is no longer in the catalogue by its id', async () => {
    show({ indicators: ['X999'] }, async () => ({ indicators: [visits] }));
    expect(await screen.findByText('X999')).toBeInTheDocument();
  });
  it('says why there is no catalogue', async () => {
    show({}, async () => Promise.reject({ data: { message: 'a valid token is needed' } }));
    expect(await screen.findByText('a valid token is needed')).toBeInTheDocument();
  });
  it('changes over to cases with a query of their own', async () => {
    const { change, run } = show({ indicators: ['H001'] }, async () => ({ indicators: [visits], cases: true }));
    fireEvent.click(await screen.findByLabelText('病例'));
    expect(change.mock.lastCall?.[0]).toEqual({ ...DEFAULT_CASE_QUERY, refId: 'A' });
    expect(run).toHaveBeenCalledTimes(1);
  });
});

describe('the editor of cases', () => {
  const edit = (query: Partial<CaseQuery>, cases: boolean) => {
    const change = vi.fn();
    const run = vi.fn();
    render(
      <CaseEditor
        query={{ ...DEFAULT_CASE_QUERY, refId: 'A', ...query }}
        catalog={{ indicators: [], cases } as unknown as Catalog}
        onChange={change}
        onRunQuery={run}
      />
    );
    return { change, run };
  };
  it('changes from the list to an explanation', () => {
    const { change, run } = edit({}, true);
    fireEvent.click(screen.getByLabelText('病例解释'));
    expect(change.mock.lastCall?.[0]).toMatchObject({ kind: 'case', view: 'explain' });
    expect(run).toHaveBeenCalledTimes(1);
    expect(screen.queryByTestId(labels.cases.denied)).toBeNull();
  });
  it('takes the stay as it is written', () => {
    const { change } = edit({ view: 'explain' }, true);
    fireEvent.change(screen.getByLabelText('住院ID'), { target: { value: '$stay' } });
    expect(change.mock.lastCall?.[0]).toMatchObject({ stay: '$stay' });
  });
  it('says when the token has no right', () => {
    edit({}, false);
    expect(screen.getByTestId(labels.cases.denied)).toHaveTextContent('sanyi serve token add … --cases');
  });
});
