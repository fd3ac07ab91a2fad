// Draws a dashboard's panels with Grafana's own components. Grafana's core holds the registry that applies field
// configuration; here the few properties that our dashboards use are put on the fields by hand.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  type DataFrame,
  type DataTransformerConfig,
  dateTime,
  type Field,
  FieldType,
  formattedValueToString,
  getDisplayProcessor,
  getFieldDisplayName,
  type GrafanaTheme2,
  type InterpolateFunction,
  LoadingState,
  standardTransformers,
  standardTransformersRegistry,
  type TimeRange,
  toDataFrame,
  transformDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, ErrorBoundaryAlert, PanelChrome, TimeSeries, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { type ComponentProps, useEffect, useState } from 'react';
import { lastValueFrom } from 'rxjs';

import { type SanyiDataSource } from '@/datasource';
import { type SanyiQuery } from '@/types';

export interface Panel {
  id: number;
  type: 'stat' | 'timeseries' | 'bargauge' | 'table';
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: {
    defaults: Record<string, unknown>;
    overrides: Array<{ matcher: { id: string; options: string }; properties: Array<{ id: string; value: unknown }> }>;
  };
  options: {
    reduceOptions?: { fields: string };
    text?: { valueSize: number };
    sortBy?: Array<{ displayName: string; desc: boolean }>;
  };
  transformations?: DataTransformerConfig[];
  targets: SanyiQuery[];
}

// Grafana's core registers the transformations that its packages bring; our dashboards use one.
standardTransformersRegistry.setInit(() =>
  [standardTransformers.filterByValueTransformer].map(
    (t) => ({ id: t.id, name: t.name, transformation: async () => t }) as never
  )
);

const COLUMN = 56;
const ROW = 38;

/** Asks a data source as a panel does. */
export async function ask(ds: SanyiDataSource, targets: SanyiQuery[], range: TimeRange): Promise<DataFrame[]> {
  const response = await lastValueFrom(
    ds.query({
      requestId: 'Q',
      app: 'dashboard',
      interval: '1m',
      intervalMs: 60_000,
      maxDataPoints: 1000,
      range,
      scopedVars: {},
      targets,
      timezone: 'Asia/Shanghai',
      startTime: Date.now(),
    })
  );
  const error = response.errors?.[0];
  if (error) {
    throw new Error(error.data?.message ?? error.message);
  }
  return response.data.map((d) => toDataFrame(d));
}

export function DashboardPanel({ panel, ds, range }: { panel: Panel; ds: SanyiDataSource; range: TimeRange }) {
  const theme = useTheme2();
  const [state, setState] = useState<{ frames?: DataFrame[]; error?: string }>({});
  useEffect(() => {
    ask(ds, panel.targets, range)
      .then((frames) => lastValueFrom(transformDataFrame(panel.transformations ?? [], frames)))
      .then(
        (frames) => setState({ frames: configure(frames, panel, theme) }),
        (err: Error) => setState({ error: err.message })
      );
  }, [ds, panel, range, theme]);
  const { x, y, w, h } = panel.gridPos;
  const notices = state.frames?.flatMap((f) => f.meta?.notices ?? []) ?? [];
  return (
    <div
      data-testid={`panel-${panel.title}`}
      data-notices={notices.map((n) => n.text).join('\n')}
      data-state={state.error ? 'error' : state.frames ? 'done' : 'loading'}
      style={{ position: 'absolute', left: x * COLUMN, top: y * ROW }}
    >
      <PanelChrome
        title={panel.title}
        width={w * COLUMN - 8}
        height={h * ROW - 8}
        loadingState={LoadingState.Done}
        description={notices.map((n) => n.text).join('\n')}
      >
        {(width, height) => (
          <ErrorBoundaryAlert>
            {state.error ??
              (state.frames ? (
                <Visual panel={panel} frames={state.frames} width={width} height={height} range={range} />
              ) : (
                '…'
              ))}
          </ErrorBoundaryAlert>
        )}
      </PanelChrome>
    </div>
  );
}

interface VisualProps {
  panel: Panel;
  frames: DataFrame[];
  width: number;
  height: number;
  range: TimeRange;
}

function Visual({ panel, frames, width, height, range }: VisualProps) {
  const theme = useTheme2();
  switch (panel.type) {
    case 'stat':
      return (
        <BigValue
          width={width}
          height={height}
          theme={theme}
          value={statValue(panel, frames, theme)}
          colorMode={'value' as never}
          graphMode={'none' as never}
          justifyMode={'center' as never}
          textMode={'value' as never}
          text={panel.options.text}
        />
      );
    case 'timeseries': {
      const chart = {
        ...frames[0],
        fields: frames[0].fields.filter((f) => f.type === FieldType.time || f.type === FieldType.number),
      };
      const days = panel.targets[0].period.mode === 'today' ? dayOf(chart, range) : range;
      return (
        <TimeSeries
          width={width}
          height={height}
          frames={[chart]}
          timeRange={days}
          timeZone="Asia/Shanghai"
          legend={{ showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } as never}
        />
      );
    }
    case 'bargauge':
      return <Bars panel={panel} frames={frames} width={width} height={height} />;
    default:
      return (
        <TableNG
          {...({
            data: visible(frames[0]),
            width,
            height,
            structureRev: 1,
            noValue: panel.fieldConfig.defaults.noValue,
            sortBy: panel.options.sortBy,
            getActions: () => [],
          } as unknown as ComponentProps<typeof TableNG>)}
        />
      );
  }
}

/** Grafana's bar gauge: one bar a number, its name to the left. */
function Bars({ panel, frames, width, height }: Omit<VisualProps, 'range'>) {
  const theme = useTheme2();
  const fields = visible(frames[0]).fields.filter((f) => f.type === FieldType.number);
  const each = Math.floor(height / Math.max(fields.length, 1));
  return (
    <>
      {fields.map((field) => {
        const display = field.display ?? getDisplayProcessor({ field, theme });
        const value = field.values[0];
        return (
          <BarGauge
            key={field.name}
            theme={theme}
            width={width}
            height={each - 6}
            orientation={'horizontal' as never}
            displayMode={'basic' as never}
            field={{ ...field.config, min: field.config.min ?? 0, max: field.config.max ?? 100 }}
            display={display}
            value={{
              ...(value === null
                ? { text: String(panel.fieldConfig.defaults.noValue ?? ''), numeric: 0 }
                : display(value)),
              title: getFieldDisplayName(field, frames[0], frames),
            }}
            namePlacement={'left' as never}
            alignmentFactors={{ title: 'RW<0.5000', text: '100.0 %' }}
          />
        );
      })}
    </>
  );
}

/** A chart of one day is looked at over that day. */
function dayOf(frame: DataFrame, range: TimeRange): TimeRange {
  const times = frame.fields[0].values as number[];
  const from = dateTime(times[0] ?? range.from);
  const to = dateTime((times[times.length - 1] ?? range.to.valueOf()) + 3_600_000);
  return { from, to, raw: { from, to } };
}

function visible(frame: DataFrame): DataFrame {
  return { ...frame, fields: frame.fields.filter((f) => !(f.config.custom?.hideFrom?.viz ?? false)) };
}

/** Grafana's stat panel: fields whose display name matches, or all numbers; the last value that is not null. */
function statValue(panel: Panel, frames: DataFrame[], theme: GrafanaTheme2) {
  const wanted = panel.options.reduceOptions?.fields ?? '';
  const pattern = wanted === '' ? undefined : new RegExp(wanted.replace(/^\/|\/$/g, ''));
  const field = frames
    .flatMap((f) => f.fields.map((field) => ({ field, name: getFieldDisplayName(field, f, frames) })))
    .find(({ field, name }) => (pattern ? pattern.test(name) : field.type === FieldType.number))?.field;
  const last = field?.values.filter((v: unknown) => v !== null && v !== undefined).at(-1);
  if (!field || last === undefined) {
    return { text: String(panel.fieldConfig.defaults.noValue ?? ''), numeric: NaN };
  }
  return (field.display ?? getDisplayProcessor({ field, theme }))(last);
}

/** The value that a field shows, as text. */
export function shown(field: Field, row: number): string {
  return field.display ? formattedValueToString(field.display(field.values[row])) : String(field.values[row]);
}

export function configure(frames: DataFrame[], panel: Pick<Panel, 'fieldConfig'>, theme: GrafanaTheme2): DataFrame[] {
  const configured = frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => {
      const config: Record<string, unknown> = {
        color: { mode: 'palette-classic' },
        thresholds: { mode: 'absolute', steps: [{ value: -Infinity, color: 'text' }] },
        ...structuredClone(panel.fieldConfig.defaults),
        ...field.config,
      };
      const name = getFieldDisplayName(field, frame, frames);
      for (const o of panel.fieldConfig.overrides.filter(
        (o) => o.matcher.options === field.name || o.matcher.options === name
      )) {
        for (const p of o.properties) {
          put(config, p.id.split('.'), p.value);
        }
      }
      config.thresholds = lowest(config.thresholds);
      return { ...field, config };
    }),
  })) as DataFrame[];
  const out = applyFieldOverrides({
    data: configured,
    fieldConfig: { defaults: {}, overrides: [] },
    replaceVariables,
    theme,
    timeZone: 'Asia/Shanghai',
  });
  cacheFieldDisplayNames(out);
  return out;
}

/** Of the variables in a data link, only the value that was clicked. */
const replaceVariables: InterpolateFunction = (text, scoped) => {
  const context = scoped?.__dataContext?.value as { field: Field; rowIndex?: number } | undefined;
  return context?.rowIndex === undefined
    ? text
    : text.replace('${__value.raw}', String(context.field.values[context.rowIndex]));
};

/** JSON has no minus infinity: the lowest step of a dashboard's thresholds is null. */
function lowest(value: unknown): unknown {
  const steps = (value as { steps?: Array<{ value: number | null; color: string }> } | undefined)?.steps;
  return steps ? { ...(value as object), steps: steps.map((s) => ({ ...s, value: s.value ?? -Infinity })) } : value;
}

function put(into: Record<string, unknown>, path: string[], value: unknown) {
  const [head, ...rest] = path;
  if (rest.length === 0) {
    into[head] = value;
    return;
  }
  into[head] = { ...((into[head] as Record<string, unknown> | undefined) ?? {}) };
  put(into[head] as Record<string, unknown>, rest, value);
}
