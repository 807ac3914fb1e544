/** A form over the schema of the configuration: what matters most first, every key behind it; only what differs is sent. */
import { useMemo, useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { personName } from '../person.ts';
import { Loading, Problem } from './parts.tsx';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly default?: unknown;
}

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly nullable: boolean;
}

/** Not of a run: where its store is, and how models elsewhere are reached (temper.yaml says that). */
const LEFT_OUT = new Set(['directory', 'models', 'targets']);
/** What most people set, in words. */
const FIRST: Readonly<Record<string, string>> = {
  'target.path': 'model file or folder (empty: the default model)',
  'target.system': 'system prompt',
  judge: 'judge',
  seed: 'seed',
  'suites.dev.adversarial': 'dev scenarios, adversarial (empty: all)',
  'suites.dev.benign': 'dev scenarios, benign look-alikes',
  'suites.sealed.adversarial': 'sealed scenarios, adversarial',
  'suites.sealed.benign': 'sealed scenarios, benign look-alikes',
  'suites.sealed.general': 'sealed scenarios, general',
  'training.sft.epochs': 'SFT epochs',
  'training.dpo.epochs': 'DPO epochs',
  'gate.harmReduction': 'gate: harm must fall by this share',
  'gate.overRefusalMargin': 'gate: over-refusal may rise by less than',
};

const simple = new Set(['string', 'number', 'integer', 'boolean']);

/** Keys that a field of a form can hold, with their paths. */
function fieldsOf(schema: Schema, path = ''): Field[] {
  if (schema.properties)
    return Object.entries(schema.properties).flatMap(([key, part]) =>
      path === '' && LEFT_OUT.has(key) ? [] : fieldsOf(part, path === '' ? key : `${path}.${key}`),
    );
  const options = schema.anyOf;
  if (options) {
    const real = options.filter(({ type }) => type !== 'null');
    if (real.length === 1) {
      const own = { ...real[0]!, default: schema.default };
      if (own.properties) return fieldsOf(real[0]!, path);
      return fieldsOf(own, path).map((field) => ({ ...field, nullable: true }));
    }
  }
  if (schema.enum || (typeof schema.type === 'string' && simple.has(schema.type)))
    return [{ path, schema, nullable: false }];
  return [];
}

const at = (value: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | null | undefined)?.[key], value);

function withValue(value: Record<string, unknown>, path: string, set: unknown): Record<string, unknown> {
  const [key = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...value, [key]: set };
  const inside = value[key];
  return {
    ...value,
    [key]: withValue(
      (typeof inside === 'object' && inside !== null ? inside : {}) as Record<string, unknown>,
      rest.join('.'),
      set,
    ),
  };
}

function parsed({ schema, nullable }: Field, text: string): unknown {
  if (text === '') return nullable ? null : undefined;
  if (schema.type === 'number' || schema.type === 'integer')
    return Number.isNaN(Number(text)) ? text : Number(text);
  if (schema.type === 'boolean') return text === 'true';
  return text;
}

const shown = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

function Input({
  field,
  value,
  initial,
  set,
  problem,
}: {
  field: Field;
  value: string | undefined;
  initial: unknown;
  set: (text: string | undefined) => void;
  problem: string | undefined;
}) {
  const { path, schema, nullable } = field;
  const current = value ?? shown(initial);
  const changed = value !== undefined && value !== shown(initial);
  const options = schema.type === 'boolean' ? ['true', 'false'] : schema.enum?.map(String);
  const common = {
    value: current,
    'aria-invalid': problem !== undefined,
    onChange: (event: { target: { value: string } }) => set(event.target.value),
  };
  return (
    <label className="field" title={path}>
      <span className={changed ? 'changed' : ''}>
        {FIRST[path] ?? path}
        {changed ? ` (was ${shown(initial) || 'empty'})` : ''}
      </span>
      {options ? (
        <select {...common}>
          {nullable ? <option value="">none</option> : null}
          {options.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          inputMode={schema.type === 'string' ? 'text' : 'decimal'}
          placeholder={nullable ? 'none: all, or off' : ''}
        />
      )}
      {problem ? <span className="bad">{problem}</span> : null}
    </label>
  );
}

export function StartForm({ busy, done }: { busy: boolean; done: () => void }) {
  const schema = useApi('GET /api/config/schema');
  const config = useApi('GET /api/config');
  const start = useChange('POST /api/runs');
  const check = useChange('POST /api/config/check');
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [search, setSearch] = useState('');
  const fields = useMemo(() => (schema.data ? fieldsOf(schema.data as Schema) : []), [schema.data]);
  if (!schema.data || !config.data) return schema.isError ? <Problem error={schema.error} /> : <Loading />;
  const problems = new Map((check.data?.problems ?? []).map(({ path, message }) => [path, message]));
  const changed = Object.entries(values).filter(([path, value]) => value !== shown(at(config.data, path)));
  const whole = (): Record<string, unknown> => {
    let result = JSON.parse(JSON.stringify(config.data)) as Record<string, unknown>;
    for (const [path, value] of changed)
      result = withValue(
        result,
        path,
        parsed(
          fields.find((field) => field.path === path)!,
          value,
        ),
      );
    return result;
  };
  const input = (field: Field) => (
    <Input
      key={field.path}
      field={field}
      value={values[field.path]}
      initial={at(config.data, field.path)}
      problem={problems.get(field.path)}
      set={(text) => {
        const { [field.path]: _, ...rest } = values;
        setValues(text === undefined ? rest : { ...rest, [field.path]: text });
      }}
    />
  );
  const first = Object.keys(FIRST).flatMap((path) => fields.filter((field) => field.path === path));
  const groups = Map.groupBy(
    fields.filter(({ path }) => path.toLowerCase().includes(search.toLowerCase())),
    ({ path }) => path.split('.')[0]!,
  );
  return (
    <form
      className="card stack"
      aria-label="Start a run"
      onSubmit={(event) => {
        event.preventDefault();
        check.mutate(
          { body: { config: whole() } },
          {
            onSuccess: ({ problems: found }) => {
              if (found.length === 0)
                start.mutate({ body: { config: whole(), author: personName() } }, { onSuccess: done });
            },
          },
        );
      }}
    >
      <h2>Start a run</h2>
      <p className="soft">
        With the default model it takes 30 to 50 minutes on two cores. What it measured is kept when it is
        stopped. A configuration that ran before is not run again: its result is there.
      </p>
      <div className="form">{first.map(input)}</div>
      <details>
        <summary>Every setting ({fields.length})</summary>
        <label className="field">
          find a setting
          <input type="search" value={search} onChange={(event) => setSearch(event.target.value)} />
        </label>
        {[...groups].map(([group, some]) => (
          <fieldset key={group} style={{ border: 0, padding: 0, margin: '12px 0 0' }}>
            <legend>
              <b>{group}</b>
            </legend>
            <div className="form">{some.map(input)}</div>
          </fieldset>
        ))}
        <p className="soft">Lists and models elsewhere are set in temper.yaml.</p>
      </details>
      {problems.size > 0 ? (
        <div className="note bad" role="alert">
          <p>{[...problems].map(([path, message]) => `${path}: ${message}`).join('\n')}</p>
        </div>
      ) : null}
      {start.isError ? <Problem error={start.error} /> : null}
      {check.isError ? <Problem error={check.error} /> : null}
      <div className="row">
        <button type="submit" className="primary" disabled={busy || start.isPending || check.isPending}>
          {start.isPending ? 'Starting …' : 'Start'}
        </button>
        <small>
          {busy
            ? 'Something is at work on this store: one run at a time.'
            : changed.length === 0
              ? 'As the configuration says.'
              : `${changed.length} changed`}
        </small>
      </div>
    </form>
  );
}
