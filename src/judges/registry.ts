/** Judges by kind. A new judge is one file and one line here. */
import { TemperError } from '../core/errors.ts';
import type { OpenRole } from '../models/role.ts';
import { embeddedJudge } from './embedded.ts';
import { EnsembleJudge, type Rule } from './ensemble.ts';
import { GuardJudge, guardSpec } from './guard.ts';
import { HumanJudge, type HumanLabel } from './human.ts';
import type { Judge } from './judge.ts';
import { RubricJudge } from './rubric.ts';
import { ConversationRubricJudge } from './rubric-conversation.ts';

/** What judges are opened with, besides their name. */
export interface JudgeTools {
  readonly openRole: OpenRole;
  /** Ensembles by name. */
  readonly panels?: Readonly<Record<string, { readonly rule: Rule; readonly of: readonly string[] }>>;
  /** The labels of a sheet, and a text as sheets show it. Errors: `data`. */
  readonly readLabels?: (path: string) => readonly HumanLabel[];
  readonly shownInSheets?: (text: string) => string;
}

interface JudgeKind {
  /** What follows the colon of `kind:argument`. */
  readonly takes: 'nothing' | 'model' | 'format and model' | 'panel' | 'file';
  /** A conversation gets one verdict of it. */
  readonly whole?: true;
  open(argument: string, tools: JudgeTools): Promise<Judge>;
}

export const JUDGES: Readonly<Record<string, JudgeKind>> = {
  embedded: { takes: 'nothing', open: () => Promise.resolve(embeddedJudge()) },
  rubric: { takes: 'model', open: async (model, { openRole }) => new RubricJudge(await openRole(model)) },
  'rubric-conversation': {
    takes: 'model',
    whole: true,
    open: async (model, { openRole }) => new ConversationRubricJudge(await openRole(model)),
  },
  guard: {
    takes: 'format and model',
    open: async (argument, { openRole }) => {
      const { name, model, format } = guardSpec(argument);
      const role = await openRole(model);
      if (format.template && role.id.startsWith('embedded@'))
        throw new TemperError('config', `guard:${name} needs a server: its chat template takes arguments`, {
          hint: 'vLLM, SGLang and llama-server pass them on (chat_template_kwargs).',
        });
      return new GuardJudge(role, name);
    },
  },
  ensemble: {
    takes: 'panel',
    open: async (name, tools) => {
      const { rule, of } = panelOf(name, tools);
      const members: Judge[] = [];
      for (const spec of of) members.push(await createJudge(spec, tools));
      return new EnsembleJudge(rule, members);
    },
  },
  human: {
    takes: 'file',
    open: (path, { readLabels, shownInSheets = (text) => text }) =>
      Promise.resolve(new HumanJudge(readLabels?.(path) ?? [], shownInSheets)),
  },
};

const EXAMPLES: Readonly<Record<Exclude<JudgeKind['takes'], 'nothing'>, readonly [string, string]>> = {
  model: ['a model', 'openai-compatible:NAME@http://localhost:8000/v1, or a name under `targets`'],
  'format and model': ['a format and a model', 'llama-guard-3:vllm:NAME'],
  panel: ['a name under `judges`', 'panel, with judges: { panel: { rule: median, of: [embedded, ...] } }'],
  file: ['a labelled sheet', 'labels.csv'],
};

/** Errors: `config`. */
function kindOf(spec: string): { kind: JudgeKind; argument: string } {
  const at = spec.indexOf(':');
  const name = at < 0 ? spec : spec.slice(0, at);
  const kind = Object.hasOwn(JUDGES, name) ? JUDGES[name] : undefined;
  if (!kind)
    throw new TemperError('config', `unknown judge \`${name}\``, {
      hint: `Kinds: ${Object.keys(JUDGES).join(', ')}.`,
    });
  const argument = at < 0 ? '' : spec.slice(at + 1);
  if (kind.takes === 'nothing') {
    if (at >= 0) throw new TemperError('config', `the judge \`${name}\` takes nothing behind a colon`);
  } else if (argument === '') {
    const [what, example] = EXAMPLES[kind.takes];
    throw new TemperError('config', `the judge \`${name}\` needs ${what}`, {
      hint: `For example ${name}:${example}.`,
    });
  }
  return { kind, argument };
}

function panelOf(name: string, { panels = {} }: Pick<JudgeTools, 'panels'>) {
  const panel = Object.hasOwn(panels, name) ? panels[name] : undefined;
  if (panel) return panel;
  throw new TemperError('config', `no ensemble \`${name}\` under \`judges\``, {
    hint: 'For example judges: { panel: { rule: median, of: [embedded, "rubric:NAME"] } }.',
  });
}

/** Whether conversations get one verdict of a judge on their harm, instead of one for each answer. Errors: `config`. */
export const judgesWhole = (spec: string): boolean => kindOf(spec).kind.whole === true;

/** The names of the models that a judge calls. Errors: `config`. */
export function judgeModels(spec: string, panels: JudgeTools['panels'] = {}): string[] {
  const { kind, argument } = kindOf(spec);
  switch (kind.takes) {
    case 'model':
      return [argument];
    case 'format and model':
      return [guardSpec(argument).model];
    case 'panel':
      return panelOf(argument, { panels }).of.flatMap((member) => {
        const { takes, whole } = kindOf(member).kind;
        if (takes === 'panel')
          throw new TemperError('config', `judges.${argument}: an ensemble has no ensembles in it`);
        if (whole)
          throw new TemperError('config', `judges.${argument}: an ensemble votes on single answers`, {
            hint: `${member} judges whole conversations: take rubric:MODEL.`,
          });
        return judgeModels(member, panels);
      });
    default:
      return [];
  }
}

/** `spec` is `kind` or `kind:argument`. Errors: `config`; those of opening a model, `data` of a sheet. */
export async function createJudge(spec: string, tools: JudgeTools): Promise<Judge> {
  const { kind, argument } = kindOf(spec);
  return kind.open(argument, tools);
}
