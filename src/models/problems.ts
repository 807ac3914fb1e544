/** What a connection lacks or contradicts, all at once: the configuration reports it before anything is opened. */
import { errorMessage, TemperError } from '../core/errors.ts';
import { HOSTED } from './providers.ts';
import { COMPATIBLE, OWN_PROVIDERS } from './registry.ts';
import { addressProblem, type Connection, connectionShape } from './settings.ts';
import { type ModelSpec, parseSpec } from './spec.ts';
import type { ModelRole } from './usage.ts';
import { asksSomething, TEMPLATE_NAMES, unknownPlaces } from './template.ts';

/** A connection, with what a target says of weights on disk. */
type Described = Connection & { readonly path?: string | undefined; readonly adapter?: string | undefined };

export interface Problem {
  readonly key: keyof Described;
  readonly message: string;
}

/** Errors: `config`, with all problems of a model and `more`. `role`: what the model is for, and so where it is named. */
export function requireConnection(
  target: Described,
  more: readonly string[] = [],
  role: ModelRole = 'target',
): void {
  const problems = connectionProblems(target).map(({ key, message }) => `${role}.${key}: ${message}`);
  if (problems.length + more.length === 0) return;
  throw new TemperError(
    'config',
    `${target.model} cannot be opened:\n${[...problems, ...more].map((line) => `  ${line}`).join('\n')}`,
    {
      hint:
        role === 'target'
          ? 'docs/models.md has an example of each provider. A model that --target names takes settings from `target` only where that is of the same provider; else describe it under `targets`, and give its name.'
          : `Give what is missing under \`targets\`, and that name as ${NAMED[role]} (docs/models.md).`,
    },
  );
}

/** How a name under `targets` stands in the setting of a role. */
const NAMED = {
  judge: 'rubric:NAME',
  simulator: 'llm:NAME',
  attacker: 'llm:NAME',
  translator: 'NAME',
  reviser: 'NAME',
  embeddings: 'NAME',
} as const;

const places = (names: readonly string[]): string => names.map((name) => `{{${name}}}`).join(', ');

/** Problems of a connection, keys of another kind of model among them; none = it can be opened, but for keys and packages. */
export function connectionProblems(connection: Described): Problem[] {
  if (connection.model === 'embedded')
    return set(connection, CONNECTION_KEYS).map((key) => ({
      key,
      message: 'is set, but the model is embedded; name the one that is called: openai-compatible:NAME',
    }));
  let spec: ModelSpec;
  try {
    spec = parseSpec(connection.model);
  } catch (error) {
    return [{ key: 'model', message: errorMessage(error) }];
  }
  const { provider, model } = spec;
  const problems: Problem[] = [];
  const report = (key: keyof Described, message: string): void => void problems.push({ key, message });
  const hosted = Object.hasOwn(HOSTED, provider) ? HOSTED[provider] : undefined;
  const compatible = Object.hasOwn(COMPATIBLE, provider) ? COMPATIBLE[provider] : undefined;
  const known = ['embedded', ...OWN_PROVIDERS, ...Object.keys(HOSTED)];
  if (!known.includes(provider) || provider === 'embedded')
    report('model', `unknown provider '${provider}'; providers: ${known.join(', ')}`);
  if (model === '' && (hosted || compatible)) report('model', `Say which model: ${provider}:NAME`);
  const addressed = spec.baseUrl === undefined ? null : addressProblem(spec.baseUrl);
  if (addressed !== null) report('model', addressed);
  const address = spec.baseUrl ?? connection.baseUrl;
  if (address === undefined) {
    const example = provider === 'http' ? 'https://localhost/chat' : 'http://localhost:8000/v1';
    if (provider === 'http' || (compatible && compatible.address === undefined))
      report('baseUrl', `${provider} needs an address, for example ${example}`);
    if (hosted?.needs && connection[hosted.needs] === undefined)
      report(hosted.needs, `${provider} needs ${hosted.needs} (or baseUrl)`);
  }
  if (provider === 'command' && !connection.command)
    report('command', 'Give a program: { run: [python3, bot.py] }');
  if (provider === 'http') problems.push(...templateProblems(connection.http));
  for (const key of set(connection, ['path', 'adapter']))
    report(
      key,
      `is for embedded models, and ${provider} is reached by calls; a server that holds adapters names each as a model`,
    );
  for (const key of ['http', 'command'] as const)
    if (connection[key] && provider !== key)
      report(key, `is for the provider ${key}, and the model is ${provider}`);
  return problems;
}

const CONNECTION_KEYS = (Object.keys(connectionShape) as (keyof Connection)[]).filter(
  (key) => key !== 'model',
);

const set = <K extends keyof Described>(target: Described, keys: readonly K[]): K[] =>
  keys.filter((key) => target[key] !== undefined);

function templateProblems(http: Connection['http']): Problem[] {
  if (!http)
    return [
      {
        key: 'http',
        message: 'Give a request template: { body: { question: "{{prompt}}" }, response: path.of.text }',
      },
    ];
  const unknown = unknownPlaces(http.body);
  return [
    ...(unknown.length > 0
      ? [
          {
            key: 'http' as const,
            message: `${places(unknown)} in body means nothing; places: ${places(TEMPLATE_NAMES)}`,
          },
        ]
      : []),
    ...(asksSomething(http.body)
      ? []
      : [{ key: 'http' as const, message: 'body holds neither {{prompt}} nor {{messages}}' }]),
  ];
}
