import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Combobox, InlineField, InlineSwitch, Input, SecretInput, SecretTextArea } from '@grafana/ui';
import { type ChangeEvent } from 'react';

import { labels } from '@/labels';
import { t } from '@/language';
import { type SanyiOptions, type SanyiSecrets } from '@/types';

type Props = DataSourcePluginOptionsEditorProps<SanyiOptions, SanyiSecrets>;

const LABEL_WIDTH = 20;
const FIELD_WIDTH = 50;

/** Where the service is, the token to ask it with, and how answers speak. */
export function ConfigEditor({ options, onOptionsChange }: Props) {
  const { jsonData, secureJsonData, secureJsonFields } = options;
  const setJson = (change: Partial<SanyiOptions>) =>
    onOptionsChange({ ...options, jsonData: { ...jsonData, ...change } });
  const setSecret = (key: keyof SanyiSecrets, value: string) =>
    onOptionsChange({ ...options, secureJsonData: { ...secureJsonData, [key]: value } });
  const resetSecret = (key: keyof SanyiSecrets) =>
    onOptionsChange({
      ...options,
      secureJsonFields: { ...secureJsonFields, [key]: false },
      secureJsonData: { ...secureJsonData, [key]: '' },
    });
  const languages = [
    { value: 'viewer' as const, label: t('languageOfViewer') },
    { value: 'zh-Hans' as const, label: '中文' },
    { value: 'en' as const, label: 'English' },
  ];
  const viewpoints = [
    { value: 'any' as const, label: t('viewpointAny') },
    { value: 'care' as const, label: t('viewpointCare') },
    { value: 'insured' as const, label: t('viewpointInsured') },
    { value: 'residence' as const, label: t('viewpointResidence') },
  ];
  return (
    <>
      <InlineField label={t('url')} tooltip={t('urlTip')} labelWidth={LABEL_WIDTH} htmlFor={labels.config.url} required>
        <Input
          id={labels.config.url}
          width={FIELD_WIDTH}
          value={options.url}
          placeholder="http://127.0.0.1:8750"
          onChange={(e: ChangeEvent<HTMLInputElement>) => onOptionsChange({ ...options, url: e.target.value.trim() })}
        />
      </InlineField>
      <InlineField
        label={t('token')}
        tooltip={t('tokenTip')}
        labelWidth={LABEL_WIDTH}
        htmlFor={labels.config.token}
        required
      >
        <SecretInput
          id={labels.config.token}
          width={FIELD_WIDTH}
          isConfigured={Boolean(secureJsonFields?.token)}
          value={secureJsonData?.token ?? ''}
          placeholder="sanyi_…"
          onChange={(e: ChangeEvent<HTMLInputElement>) => setSecret('token', e.target.value.trim())}
          onReset={() => resetSecret('token')}
        />
      </InlineField>
      <InlineField
        label={t('language')}
        tooltip={t('languageTip')}
        labelWidth={LABEL_WIDTH}
        htmlFor={labels.config.language}
      >
        <Combobox
          id={labels.config.language}
          data-testid={labels.config.language}
          width={FIELD_WIDTH}
          options={languages}
          value={jsonData.language || 'viewer'}
          onChange={(o) => setJson({ language: o.value === 'viewer' ? '' : o.value })}
        />
      </InlineField>
      <InlineField
        label={t('viewpoint')}
        tooltip={t('viewpointTip')}
        labelWidth={LABEL_WIDTH}
        htmlFor={labels.config.viewpoint}
      >
        <Combobox
          id={labels.config.viewpoint}
          data-testid={labels.config.viewpoint}
          width={FIELD_WIDTH}
          options={viewpoints}
          value={jsonData.viewpoint || 'any'}
          onChange={(o) => setJson({ viewpoint: o.value === 'any' ? '' : o.value })}
        />
      </InlineField>
      <InlineField label={t('ca')} tooltip={t('caTip')} labelWidth={LABEL_WIDTH} htmlFor={labels.config.ca}>
        <InlineSwitch
          id={labels.config.ca}
          value={jsonData.tlsAuthWithCACert ?? false}
          onChange={(e: ChangeEvent<HTMLInputElement>) => setJson({ tlsAuthWithCACert: e.target.checked })}
        />
      </InlineField>
      {jsonData.tlsAuthWithCACert && (
        <InlineField label={t('caText')} labelWidth={LABEL_WIDTH} htmlFor={labels.config.caText}>
          <SecretTextArea
            id={labels.config.caText}
            cols={60}
            rows={6}
            isConfigured={Boolean(secureJsonFields?.tlsCACert)}
            placeholder="-----BEGIN CERTIFICATE-----"
            onChange={(e: ChangeEvent<HTMLTextAreaElement>) => setSecret('tlsCACert', e.target.value)}
            onReset={() => resetSecret('tlsCACert')}
          />
        </InlineField>
      )}
    </>
  );
}
