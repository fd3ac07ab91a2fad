import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { config } from '@grafana/runtime';
import { fireEvent, render, screen } from '@testing-library/react';
import { vi } from 'vitest';

import { ConfigEditor } from '@/ConfigEditor';
import { type SanyiOptions, type SanyiSecrets } from '@/types';

type Options = DataSourcePluginOptionsEditorProps<SanyiOptions, SanyiSecrets>['options'];

const options = { url: 'http://127.0.0.1:8750', jsonData: {}, secureJsonFields: {}, secureJsonData: {} } as Options;

describe('the config editor', () => {
  beforeEach(() => {
    config.bootData = { user: { language: 'zh-Hans' } } as typeof config.bootData;
  });
  it('keeps the address in the settings and the token among the secrets', () => {
    const change = vi.fn();
    render(<ConfigEditor options={options} onOptionsChange={change} />);
    fireEvent.change(screen.getByLabelText(/服务地址/), { target: { value: ' https://lake:8750 ' } });
    expect(change.mock.lastCall?.[0]).toMatchObject({ url: 'https://lake:8750' });
    fireEvent.change(screen.getByPlaceholderText('sanyi_…'), { target: { value: 'sanyi_secret' } });
    expect(change.mock.lastCall?.[0].secureJsonData).toEqual({ token: 'sanyi_secret' });
    expect(JSON.stringify(change.mock.lastCall?.[0].jsonData)).not.toContain('secret');
  });
  it('shows no token that is set, and forgets it when asked', () => {
    const change = vi.fn();
    render(<ConfigEditor options={{ ...options, secureJsonFields: { token: true } }} onOptionsChange={change} />);
    fireEvent.click(screen.getByRole('button', { name: /reset/i }));
    expect(change.mock.lastCall?.[0]).toMatchObject({
      secureJsonFields: { token: false },
      secureJsonData: { token: '' },
    });
  });
});
