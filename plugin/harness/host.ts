// Puts Grafana's real packages where Grafana's own loader puts them, and answers the calls of its services.
import * as emotionCss from '@emotion/css';
import * as emotionReact from '@emotion/react';
import * as grafanaData from '@grafana/data';
import { type DataSourceInstanceSettings, type DataSourcePlugin } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import * as grafanaRuntime from '@grafana/runtime';
import * as grafanaUI from '@grafana/ui';
import * as lodash from 'lodash';
import * as React from 'react';
import * as ReactDOM from 'react-dom';
import * as jsxRuntime from 'react/jsx-runtime';
import * as rxjs from 'rxjs';
import 'systemjs/dist/system.js';
import 'systemjs/dist/extras/amd.js';
import 'systemjs/dist/extras/named-register.js';

import { type SanyiDataSource } from '@/datasource';
import { type SanyiOptions, type SanyiQuery, type SanyiSecrets } from '@/types';

export type Plugin = DataSourcePlugin<SanyiDataSource, SanyiQuery, SanyiOptions, SanyiSecrets>;

export const ID = 'sanyi-lakehouse-datasource';

export const settings = {
  id: 7,
  uid: 'sanyi',
  type: ID,
  name: '三医',
  url: '/api/datasources/proxy/uid/sanyi',
  jsonData: {},
  meta: { id: ID, module: `public/plugins/${ID}/module.js`, baseUrl: `public/plugins/${ID}`, info: {} },
  access: 'proxy',
  readOnly: false,
} as unknown as DataSourceInstanceSettings<SanyiOptions>;

/** Variables of the dashboard that is shown. */
export const variables: Record<string, string | string[]> = { datasource: 'sanyi', org: '*', dept: '*', stay: '' };

interface SystemJS {
  set(id: string, module: object): void;
  addImportMap(map: { imports: Record<string, string> }): void;
  import(url: string): Promise<{ plugin: Plugin }>;
}

/** Loads the built module.js as Grafana does. */
export async function loadPlugin(language: string): Promise<Plugin> {
  const { config, setBackendSrv, setDataSourceSrv, setTemplateSrv } = grafanaRuntime;
  config.bootData = { user: { orgId: 1, language }, settings: {}, navTree: [] } as unknown as typeof config.bootData;
  await initPluginTranslations(ID);
  setBackendSrv(backendSrv as unknown as grafanaRuntime.BackendSrv);
  setTemplateSrv({ replace, getVariables: () => [], containsTemplate: () => false, updateTimeRange: () => {} });
  setDataSourceSrv({
    get: async () => undefined,
    getList: () => [settings],
    getInstanceSettings: () => settings,
    reload: () => {},
  } as unknown as grafanaRuntime.DataSourceSrv);
  const System = (window as unknown as { System: SystemJS }).System;
  const modules: Record<string, object> = {
    react: React,
    'react-dom': ReactDOM,
    'react/jsx-runtime': jsxRuntime,
    '@grafana/data': grafanaData,
    '@grafana/ui': grafanaUI,
    '@grafana/runtime': grafanaRuntime,
    '@emotion/css': emotionCss,
    '@emotion/react': emotionReact,
    lodash,
    rxjs,
  };
  const imports: Record<string, string> = {};
  for (const [name, module] of Object.entries(modules)) {
    System.set(`package:${name}`, { default: module, __useDefault: true, ...module });
    imports[name] = `package:${name}`;
  }
  System.addImportMap({ imports });
  const { plugin } = await System.import(`/public/plugins/${ID}/module.js`);
  plugin.meta = settings.meta;
  return plugin;
}

const replace: grafanaRuntime.TemplateSrv['replace'] = (text = '', _scoped, format) =>
  text.replace(/\$\{?(\w+)\}?/g, (whole, name: string) => {
    const value = variables[name];
    if (value === undefined) {
      return whole;
    }
    return typeof format === 'function' ? String(format(value, {}, undefined)) : String(value);
  });

interface Call {
  url: string;
  method?: string;
  params?: Record<string, string>;
  headers?: Record<string, string>;
  data?: unknown;
}

const send = (call: Call) =>
  rxjs.from(
    (async () => {
      const query = call.params ? `?${new URLSearchParams(call.params)}` : '';
      const response = await fetch((call.url.startsWith('/') ? '' : '/') + call.url + query, {
        method: call.method ?? 'GET',
        headers: { 'Content-Type': 'application/json', ...call.headers },
        body: call.data ? JSON.stringify(call.data) : undefined,
      });
      const out = {
        data: await response.json().catch(() => undefined),
        status: response.status,
        statusText: response.statusText,
        ok: response.ok,
        headers: response.headers,
        config: call,
        url: call.url,
      };
      if (!response.ok) {
        throw out;
      }
      return out;
    })()
  );

const data = (call: Call) => rxjs.lastValueFrom(send(call)).then((r) => r.data);

const backendSrv = {
  fetch: send,
  get: (url: string, params?: Record<string, string>) => data({ url, params }),
  post: (url: string, body?: unknown) => data({ url, data: body, method: 'POST' }),
  request: data,
  datasourceRequest: (call: Call) => rxjs.lastValueFrom(send(call)),
};
