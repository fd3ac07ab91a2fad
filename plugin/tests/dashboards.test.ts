// @vitest-environment node
// Every bundled dashboard must open in any Grafana: valid, named, and bound to no data source of ours.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { FIGURES, GRAINS } from '@/catalog';
import { DEFAULT_CASE_QUERY } from '@/types';

const dir = path.resolve(import.meta.dirname, '../src/dashboards');
const files = readdirSync(dir).filter((f) => f.endsWith('.json'));
const plugin = JSON.parse(readFileSync(path.resolve(dir, '../plugin.json'), 'utf8'));

interface Panel {
  id: number;
  title: string;
  type: string;
  datasource: { type: string; uid: string };
  fieldConfig: { defaults: Record<string, unknown> };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Array<Record<string, unknown> & { datasource: { uid: string } }>;
}

describe.each(files)('%s', (file) => {
  const board = JSON.parse(readFileSync(path.join(dir, file), 'utf8')) as {
    uid: string;
    title: string;
    panels: Panel[];
    templating: { list: Array<{ name: string; type: string; query: string }> };
  };

  it('has uid and title, and plugin.json includes it', () => {
    expect(board.uid).toMatch(/^sanyi-[a-z-]{1,30}$/);
    expect(board.title).toMatch(/[\u4e00-\u9fff]/);
    expect(plugin.includes.map((i: { path: string }) => i.path)).toContain(`dashboards/${file}`);
  });
  it('has a variable for every one that its queries and links use', () => {
    const known = new Set(board.templating.list.map((v) => v.name));
    const text = JSON.stringify(board.panels);
    const used = [...text.matchAll(/\$\{?([a-z_]+)/g), ...text.matchAll(/var-([a-z_]+)=/g)].map((m) => m[1]);
    expect(used.filter((name) => !name.startsWith('__') && !known.has(name))).toEqual([]);
  });
  it('says what to show where there is no value', () => {
    for (const p of board.panels.filter((p) => p.type !== 'timeseries')) {
      expect(p.fieldConfig.defaults).toHaveProperty('noValue');
    }
  });
  it('names no fixed data source', () => {
    expect(board.templating.list.find((v) => v.name === 'datasource')).toMatchObject({
      type: 'datasource',
      query: plugin.id,
    });
    const uses = [...board.panels, ...board.panels.flatMap((p) => p.targets)].map((x) => x.datasource);
    for (const use of uses) {
      expect(use).toEqual({ type: plugin.id, uid: '${datasource}' });
    }
  });
  it('has panels that do not overlap, each with an id and a title of its own', () => {
    expect(new Set(board.panels.map((p) => p.id)).size).toBe(board.panels.length);
    expect(new Set(board.panels.map((p) => p.title)).size).toBe(board.panels.length);
    const taken = new Set<string>();
    for (const { gridPos: g } of board.panels) {
      expect(g.x + g.w).toBeLessThanOrEqual(24);
      for (let x = g.x; x < g.x + g.w; x++) {
        for (let y = g.y; y < g.y + g.h; y++) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
  it('asks questions of the present shape', () => {
    for (const q of board.panels.flatMap((p) => p.targets)) {
      expect(q).toMatchObject({ version: 1 });
      if (q.kind === 'case') {
        expect({ ...DEFAULT_CASE_QUERY, ...q, kind: 'case' }).toEqual(q); // no field left to chance
        expect(['list', 'explain']).toContain(q.view);
        continue;
      }
      expect(q.kind).toBe('indicator');
      expect(q.indicators).not.toHaveLength(0);
      expect(GRAINS).toContain(q.grain);
      expect(['range', 'today', 'fixed']).toContain((q.period as { mode: string }).mode);
      expect(['time_series', 'table']).toContain(q.format);
      for (const f of q.figures as string[]) {
        expect(FIGURES).toContain(f);
      }
    }
  });
});

it('there are the dashboards that the docs name', () => {
  expect(files).toEqual(['hospital_drg.json', 'outpatient.json']);
});
