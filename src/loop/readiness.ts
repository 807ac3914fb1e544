/** Whether what a configuration names is there: models, adapter, judge, simulator, and keys by their names, never their values. */
import type { Check } from '../training/trl/check.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, environment, type TargetConfig } from '../config/config.ts';
import { errorMessage } from '../core/errors.ts';
import { simulatorModel } from '../dialogue/registry.ts';
import { attackerModel } from '../dialogue/strategies/registry.ts';
import { isModel } from '../engine/model.ts';
import { createJudge, judgeModels } from '../judges/registry.ts';
import { connectionProblems } from '../models/problems.ts';
import { HOSTED } from '../models/providers.ts';
import { parseSpec } from '../models/spec.ts';
import { namedTarget } from './named-target.ts';
import { humanLabels } from './roles.ts';

const problem = (name: string, detail: string): Check => ({ name, state: 'missing', detail });

/** Variables that a model reads its credentials from; of those of a provider one is enough. */
function variables({ model, apiKey, headers = {}, command }: TargetConfig): string[] {
  const { provider } = parseSpec(model);
  const own = apiKey?.env ?? (Object.hasOwn(HOSTED, provider) ? HOSTED[provider]?.key : undefined);
  const inHeaders = Object.values(headers).flatMap((value) => (typeof value === 'string' ? [] : [value.env]));
  return [...(own === undefined ? [] : [own]), ...inHeaders, ...(command?.env ?? [])];
}

const isSet = (name: string): boolean => (environment(name)?.trim() ?? '') !== '';

function keyChecks(name: string, target: TargetConfig): Check[] {
  return [...new Set(variables(target))].map((variable) => {
    // Bedrock also takes the usual variables of AWS.
    const present = isSet(variable) || (variable.startsWith('AWS_') && isSet('AWS_ACCESS_KEY_ID'));
    return {
      name: `${name} key`,
      state: present ? 'ok' : 'missing',
      detail: `${variable} is ${present ? 'set' : 'not set'}`,
    };
  });
}

async function packageCheck(name: string, provider: string): Promise<Check[]> {
  const hosted = Object.hasOwn(HOSTED, provider) ? HOSTED[provider] : undefined;
  if (!hosted) return [];
  try {
    await import(hosted.package);
    return [];
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing
      ? `not installed: npm install ${hosted.package}@${hosted.version}`
      : (errorMessage(error).split('\n')[0] ?? '');
    return [problem(`${name} package`, `${hosted.package}: ${why}`)];
  }
}

/** A model and the adapter on it. Nothing is called and no weight is read. */
async function modelChecks(name: string, target: TargetConfig): Promise<Check[]> {
  const { model, path, adapter } = target;
  if (model !== 'embedded') {
    const problems = connectionProblems(target).map(({ key, message }) =>
      problem(name, `${key}: ${message}`),
    );
    if (problems.length > 0) return problems;
    const { provider } = parseSpec(model);
    const where: Check = {
      name,
      state: 'ok',
      detail: `${model}${target.baseUrl === undefined ? '' : ` at ${target.baseUrl}`} (not called)`,
    };
    return [where, ...(await packageCheck(name, provider)), ...keyChecks(name, target)];
  }
  const checks: Check[] = [];
  if (path === undefined) checks.push({ name, state: 'ok', detail: 'the default model' });
  else if (!existsSync(path)) checks.push(problem(name, `${path} is not there`));
  else if (!isModel(path)) checks.push(problem(name, `${path} is no GGUF file and no model folder`));
  else checks.push({ name, state: 'ok', detail: path });
  if (adapter === undefined) return checks;
  const lacking = ['adapter_config.json', 'adapter_model.safetensors'].find(
    (file) => !existsSync(join(adapter, file)),
  );
  return [
    ...checks,
    lacking === undefined
      ? { name: `${name} adapter`, state: 'ok', detail: adapter }
      : problem(`${name} adapter`, `${join(adapter, lacking)} is not there`),
  ];
}

/** A role that calls models, by their names. */
async function roleChecks(
  config: Config,
  role: string,
  spec: string,
  models: () => readonly string[],
): Promise<Check[]> {
  let names: readonly string[];
  try {
    names = models();
  } catch (error) {
    return [problem(role, errorMessage(error))];
  }
  const checks: Check[] = [{ name: role, state: 'ok', detail: spec }];
  for (const name of names) {
    const target = namedTarget(config, name);
    checks.push(
      ...(target ? await modelChecks(`${role} model`, target) : [problem(role, `'${name}' is no model`)]),
    );
  }
  return checks;
}

/** Sheets that a judge reads are read. */
async function sheetChecks(config: Config): Promise<Check[]> {
  const { judge, judges = {} } = config;
  const members = judge.startsWith('ensemble:')
    ? (judges[judge.slice('ensemble:'.length)]?.of ?? [])
    : [judge];
  const checks: Check[] = [];
  for (const member of members.filter((each) => each.startsWith('human:')))
    try {
      const tools = { ...humanLabels, openRole: () => Promise.reject(new Error('a sheet is no model')) };
      checks.push({
        name: 'judge sheet',
        state: 'ok',
        detail: (await createJudge(member, tools)).description,
      });
    } catch (error) {
      checks.push(problem('judge sheet', errorMessage(error).split('\n')[0] ?? ''));
    }
  return checks;
}

export async function readiness(config: Config): Promise<Check[]> {
  const { target, targets = {}, judge, judges, simulator, attacker, translator, embeddings } = config;
  const { reviser } = config.curation;
  const others: Check[] = [];
  for (const name of Object.keys(targets))
    others.push(...(await modelChecks(name, namedTarget(config, name) as TargetConfig)));
  const all = [
    ...(await modelChecks('target', target)),
    ...others,
    ...(await roleChecks(config, 'judge', judge, () => judgeModels(judge, judges))),
    ...(await sheetChecks(config)),
    ...(await roleChecks(config, 'simulator', simulator, () =>
      [simulatorModel(simulator)].filter((name) => name !== null),
    )),
    ...(await roleChecks(config, 'attacker', attacker, () =>
      [attackerModel(attacker)].filter((name) => name !== null),
    )),
    ...(translator === undefined
      ? []
      : await roleChecks(config, 'translator', translator, () => [translator])),
    ...(embeddings === undefined
      ? []
      : await roleChecks(config, 'embeddings', embeddings, () => [embeddings])),
    ...(reviser === undefined ? [] : await roleChecks(config, 'reviser', reviser, () => [reviser])),
  ];
  // A model that serves twice is told once for each role, not each key again.
  const seen = new Set<string>();
  return all.filter(({ name, detail }) => {
    const key = `${name.replace(/ model/, '')} ${detail}`;
    return !seen.has(key) && seen.add(key);
  });
}
