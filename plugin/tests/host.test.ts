// @vitest-environment node
// The plugin is built against 13.2 and must run in 12.3: it may only use names that both have. exports-12.3.0.json lists
// what the packages of 12.3.0 export; a newer name would build, pass the type check and break in the older host.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '..');
const allowed = JSON.parse(readFileSync(path.join(root, 'tests/exports-12.3.0.json'), 'utf8')) as Record<
  string,
  string[]
>;
const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (f) => /\.tsx?$/.test(f) && !/\.test\./.test(f)
);

/** Names that a source takes at run time from a package: not its types. */
function imported(text: string): Array<{ from: string; name: string }> {
  const out: Array<{ from: string; name: string }> = [];
  ts.createSourceFile('x.tsx', text, ts.ScriptTarget.ES2022, true).forEachChild((node) => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) && !node.importClause?.isTypeOnly) {
      const named = node.importClause?.namedBindings;
      const from = node.moduleSpecifier.text;
      if (named && ts.isNamespaceImport(named)) {
        out.push({ from, name: '*' });
      }
      for (const e of named && ts.isNamedImports(named) ? named.elements.filter((e) => !e.isTypeOnly) : []) {
        out.push({ from, name: (e.propertyName ?? e.name).text });
      }
    }
  });
  return out;
}

it('tells types from values', () => {
  expect(imported("import { type A, b as c } from 'x'; import type { D } from 'y'; import * as e from 'z';")).toEqual([
    { from: 'x', name: 'b' },
    { from: 'z', name: '*' },
  ]);
});

it.each(sources)('%s uses only what Grafana 12.3 has', (file) => {
  for (const { from, name } of imported(readFileSync(path.join(root, 'src', file), 'utf8'))) {
    if (from.startsWith('@grafana/')) {
      expect(allowed[from] ?? [], `${from} of 12.3.0 has no ${name}`).toContain(name);
    }
    if (from === 'react') {
      expect(['use', 'useActionState', 'useOptimistic', 'cache', '*'], 'only React 19 has it').not.toContain(name);
    }
  }
});

it('pins every @grafana package to one version', () => {
  const { dependencies, devDependencies } = createRequire(import.meta.url)(path.join(root, 'package.json'));
  for (const name of ['data', 'runtime', 'schema', 'ui']) {
    expect(dependencies[`@grafana/${name}`]).toBe('13.2.2');
  }
  expect(devDependencies['@grafana/i18n']).toBe('13.2.2');
});

it('plugin.json is what Grafana and the back end expect', () => {
  const plugin = JSON.parse(readFileSync(path.join(root, 'src/plugin.json'), 'utf8'));
  expect(plugin).toMatchObject({
    type: 'datasource',
    backend: true,
    executable: 'gpx_sanyi_lakehouse',
    dependencies: { grafanaDependency: '>=12.3.0' },
  });
  expect(readFileSync(path.join(root, 'pkg/lakehouse/datasource.go'), 'utf8')).toContain(`PluginID = "${plugin.id}"`);
  for (const logo of Object.values<string>(plugin.info.logos)) {
    expect(readFileSync(path.join(root, 'src', logo), 'utf8')).toContain('<svg');
  }
});
