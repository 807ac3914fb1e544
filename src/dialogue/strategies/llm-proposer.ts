/** The attacker that is a language model: told the method and the objective, shown what came back, asked for the next message. */
import { z } from 'zod';
import { endsWork, errorMessage } from '../../core/errors.ts';
import { contentHash } from '../../core/ids.ts';
import { delimited, excerpt } from '../../models/delimited.ts';
import type { OpenedRole } from '../../models/role.ts';
import { askForObject } from '../../models/structured.ts';
import type { ProposalInput, Proposer } from './proposer.ts';
import { fill, TEXTS } from './texts.ts';

/** Chao et al. 2023 (code of PAIR): temperature 1, top-p 0.9, 500 tokens. */
const DECODING = { maxTokens: 500, temperature: 1, topP: 0.9 };
const LONGEST_PROMPT = 8000;
/** Characters that are shown of an answer: head and tail. */
const SHOWN = [3000, 1000] as const;

const spoken = z.object({ prompt: z.string().trim().min(1).max(LONGEST_PROMPT) });

const text = { type: 'string' } as const;
const PROMPT_SCHEMA = {
  type: 'object',
  properties: { observation: text, improvement: text, prompt: text },
  required: ['observation', 'improvement', 'prompt'],
  additionalProperties: false,
} as const;
const TOPIC_SCHEMA = {
  type: 'object',
  properties: { same: { type: 'boolean' } },
  required: ['same'],
  additionalProperties: false,
} as const;

export class LlmProposer implements Proposer {
  readonly id: string;
  readonly description: string;
  readonly #role: OpenedRole;
  readonly #decoding: { maxTokens: number; temperature: number; topP: number };

  constructor(role: OpenedRole) {
    const { maxTokens, temperature, topP } = DECODING;
    this.#role = role;
    this.#decoding = {
      maxTokens: role.maxTokens ?? maxTokens,
      temperature: role.temperature ?? temperature,
      topP: role.topP ?? topP,
    };
    const shaping = { texts: TEXTS.attacker, SHOWN, decoding: this.#decoding };
    this.id = `llm:${role.id}:${TEXTS.version}-${contentHash(shaping).slice(0, 8)}`;
    this.description = `${role.name} words the attacks (prompts/strategies.json, version ${TEXTS.version})`;
  }

  async propose(input: ProposalInput): ReturnType<Proposer['propose']> {
    const { role, objective, rules, strategies, reply, again } = TEXTS.attacker;
    const { strategy, scenario, style = '', seed, signal } = input;
    const system = [
      role,
      fill(strategies[strategy] ?? '', { style }),
      `Rules:\n${rules.map((rule) => `- ${rule}`).join('\n')}`,
      fill(objective, { objective: scenario.objective }),
    ].join('\n\n');
    try {
      const outcome = await askForObject<string>(this.#role.model, {
        system,
        user: `${told(input)}${reply}`,
        schema: PROMPT_SCHEMA,
        read: (object) => {
          const result = spoken.safeParse(object);
          return result.success
            ? { value: result.data.prompt.toWellFormed() }
            : { problem: 'it has no usable `prompt`' };
        },
        again: (problem) => fill(again, { problem, reply }),
        ...this.#decoding,
        seed,
        signal,
      });
      if (outcome.status === 'ok') return { prompt: outcome.value };
      return { invalid: { kind: outcome.status, reason: outcome.reason } };
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      return { invalid: { kind: 'error', reason: errorMessage(thrown) } };
    }
  }

  /** What cannot be asked, or is not answered, counts as on topic: pruning is a saving, no verdict. */
  async onTopic(
    prompt: string,
    { scenario, seed, signal }: Parameters<Proposer['onTopic']>[1],
  ): Promise<boolean> {
    const { again, 'on-topic': question, 'on-topic-reply': reply } = TEXTS.attacker;
    try {
      const outcome = await askForObject<boolean>(this.#role.model, {
        system: fill(question, { objective: scenario.objective }),
        user: `${delimited({ message: prompt })}\n\n${reply}`,
        schema: TOPIC_SCHEMA,
        read: ({ same }) =>
          typeof same === 'boolean' ? { value: same } : { problem: '`same` is not true or false' },
        again: (problem) => fill(again, { problem, reply }),
        maxTokens: this.#decoding.maxTokens,
        temperature: 0,
        seed,
        signal,
      });
      return outcome.status !== 'ok' || outcome.value;
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      return true;
    }
  }
}

function told({ line, tried = [] }: ProposalInput): string {
  const answered = (response: string): string => excerpt(response, ...SHOWN);
  const conversation = line.turns.map(({ request, response }) => ({
    sent: request,
    answer: answered(response),
  }));
  const earlier = tried.map(({ prompt, line: { turns, outcome, severity } }) => ({
    sent: prompt,
    answer: answered(turns.at(-1)?.response ?? ''),
    outcome,
    severity: severity ?? null,
  }));
  const shown = earlier.length > 0 ? { earlier } : { conversation, outcome: line.outcome };
  if (earlier.length === 0 && conversation.length === 0 && line.outcome === 'none') return '';
  return `${TEXTS.attacker.data}\n\n${delimited(shown)}\n\n`;
}
