// @vitest-environment node
// What Grafana's loader does with module.js, checked on the built file: an AMD module that asks for the host's packages alone.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const file = path.resolve(import.meta.dirname, '../dist/module.js');

it.skipIf(!existsSync(file))('the bundle takes React and Grafana from its host', () => {
  const list = /^define\((\[[^\]]*\]),function/.exec(readFileSync(file, 'utf8'))?.[1];
  expect(list, 'module.js begins with define([…],function').toBeDefined();
  const host = [
    '@emotion/css',
    '@grafana/data',
    '@grafana/runtime',
    '@grafana/ui',
    'lodash',
    'react',
    'react/jsx-runtime',
    'react-dom',
    'rxjs',
  ];
  for (const name of JSON.parse(list ?? '[]') as string[]) {
    expect(host).toContain(name);
  }
});
