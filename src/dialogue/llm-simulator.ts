/**
 * The simulator that is a language model: it plays a persona with a hidden goal, a plan for each turn and a rule when to
 * stop (prompts/simulator.json). It sees what was said before attacks wrapped it; the attack of the scenario wraps its
 * words as well. Questions about a document and items with a checked answer stay as they are written. What it does badly
 * makes the conversation invalid (audit.ts; off-category.ts at its end), and is never counted as the target's doing.
 */
import { z } from 'zod';
import { endsWork, errorMessage } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Scenario, Turn } from '../core/records.ts';
import { delimited, excerpt } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { askForObject, type Question } from '../models/structured.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { TEMPLATES_VERSION } from './attacks/index.ts';
import { audit } from './audit.ts';
import { sharesNoWord } from './off-category.ts';
import {
  asSent,
  asWritten,
  moveAt,
  nextRequest,
  personaOf,
  PERSONAS,
  type Simulator,
  type SimulatorInput,
} from './simulator.ts';

const simulatorFile = z.strictObject({
  id: z.string(),
  version: z.string(),
  role: z.string(),
  persona: z.string().includes('{persona}'),
  goal: z.string().includes('{goal}'),
  plan: z.strictObject({ opening: z.string(), middle: z.string(), last: z.string() }),
  rules: z.array(z.string()),
  data: z.string(),
  reply: z.string(),
  again: z.string().includes('{problem}').includes('{reply}'),
  check: z.strictObject({ role: z.string(), reply: z.string() }),
});

const PROMPTS = parseData(BUILT_IN.prompts('simulator'), simulatorFile, 'prompts');

/** Unless the configuration of the model says otherwise. */
const MAX_TOKENS = 768;
const TEMPERATURE = 0.7;
const LONGEST_MESSAGE = 8000;
const LONGEST_REASON = 300;
/** Characters that are shown of an answer: head and tail. */
const SHOWN = [4000, 1000] as const;

interface Spoken {
  readonly stop: boolean;
  readonly message: string;
}

const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => (Object.hasOwn(values, name) ? values[name]! : place));

/** What it is told, without the goal: the words that must not leak. */
function briefing(scenario: Scenario, turns: readonly Turn[]): { told: string; plan: string } {
  const { role, persona, plan, rules } = PROMPTS;
  const last = turns.length + 1 >= scenario.turns;
  const stage = turns.length === 0 ? plan.opening : last ? plan.last : plan.middle;
  const told = [
    role,
    fill(persona, { persona: personaOf(scenario).description }),
    `Rules:\n${rules.map((rule) => `- ${rule}`).join('\n')}`,
  ].join('\n\n');
  return { told, plan: fill(stage, { turn: String(turns.length + 1), turns: String(scenario.turns) }) };
}

function soFar(turns: readonly Turn[]): string {
  const conversation = turns.flatMap(({ plain, response }) => [
    { from: 'you, the user', text: plain },
    { from: 'the system', text: excerpt(response, ...SHOWN) },
  ]);
  return `${PROMPTS.data}\n\n${delimited({ conversation })}\n\n`;
}

function spokenIn({ stop, message }: Readonly<Record<string, unknown>>) {
  if (stop === true) return { value: { stop: true, message: '' } };
  if (typeof message !== 'string' || message.trim() === '') return { problem: 'it has no `message`' };
  if (message.length > LONGEST_MESSAGE) return { problem: 'its message is too long' };
  return {
    value: {
      stop: false,
      message: message
        .trim()
        .replace(/^user\s*:\s*/i, '')
        .toWellFormed(),
    },
  };
}

const SCHEMA: Question<unknown>['schema'] = {
  type: 'object',
  properties: { thought: { type: 'string' }, stop: { type: 'boolean' }, message: { type: 'string' } },
  required: ['thought', 'stop', 'message'],
  additionalProperties: false,
};

const CHECK_SCHEMA: Question<unknown>['schema'] = {
  type: 'object',
  properties: { reason: { type: 'string' }, about: { type: 'boolean' } },
  required: ['reason', 'about'],
  additionalProperties: false,
};

export class LlmSimulator implements Simulator {
  readonly id: string;
  readonly description: string;
  readonly #role: OpenedRole;
  readonly #decoding: { maxTokens: number; temperature: number; topP?: number | undefined };

  constructor(role: OpenedRole) {
    const { maxTokens = MAX_TOKENS, temperature = TEMPERATURE, topP } = role;
    this.#role = role;
    this.#decoding = { maxTokens, temperature, topP };
    const shaping = { prompts: PROMPTS, personas: PERSONAS, SHOWN, decoding: this.#decoding };
    const hash = contentHash(shaping).slice(0, 8);
    this.id = `llm:${role.id}:${PROMPTS.version}.${TEMPLATES_VERSION}-${hash}`;
    this.description = `${role.name} plays the personas (prompts/simulator.json, version ${PROMPTS.version})`;
  }

  /** Errors: those that end the work; `data` for an unknown persona. */
  async next(input: SimulatorInput): ReturnType<Simulator['next']> {
    const { scenario, turns, lastRefused, random } = input;
    if (scenario.kind === 'grounded' || (asWritten(scenario) && turns.length === 0))
      return nextRequest(scenario, turns, lastRefused, random);
    if (turns.length >= scenario.turns) return null;
    const { told, plan } = briefing(scenario, turns);
    const outcome = await this.#ask(input, told, plan);
    if (outcome.status !== 'ok') return { invalid: { kind: outcome.status, reason: outcome.reason } };
    const { stop, message } = outcome.value;
    const said = turns.map(({ plain }) => plain);
    if (stop)
      return turns.length > 0
        ? await this.#strayed(input, said)
        : { invalid: { kind: 'refused', reason: 'it stopped before it asked' } };
    const found = audit({
      message,
      earlier: said,
      answers: turns.map(({ response }) => response),
      goal: scenario.objective,
      instructions: `${told}\n${plan}\n${PROMPTS.reply}`,
    });
    if (found) return { invalid: found };
    if (turns.length + 1 >= scenario.turns) {
      const strayed = await this.#strayed(input, [...said, message]);
      if (strayed) return strayed;
    }
    return asSent(scenario, turns, { plain: message, move: moveAt(turns, lastRefused) }, random);
  }

  /**
   * Of all that the user says: whether it is about something else. The words suspect it, the model decides; what it cannot say
   * leaves the conversation as it is.
   */
  async #strayed({ scenario, seed, signal }: SimulatorInput, messages: readonly string[]) {
    const goal = scenario.objective;
    if (!sharesNoWord(messages, goal)) return null;
    const { role, reply } = PROMPTS.check;
    const shown = messages.map((message) => excerpt(message, ...SHOWN));
    const outcome = await this.#called(signal, {
      system: role,
      user: `${delimited({ goal: excerpt(goal, ...SHOWN), messages: shown })}\n\n${reply}`,
      schema: CHECK_SCHEMA,
      read: ({ about, reason }) =>
        typeof about === 'boolean'
          ? { value: { about, reason: typeof reason === 'string' ? reason.trim() : '' } }
          : { problem: 'it has no `about`' },
      again: (problem) => fill(PROMPTS.again, { problem, reply }),
      maxTokens: this.#decoding.maxTokens,
      temperature: 0,
      seed,
      signal,
    });
    if (outcome.status === 'error') return { invalid: { kind: 'error', reason: outcome.reason } } as const;
    if (outcome.status !== 'ok' || outcome.value.about) return null;
    const why = outcome.value.reason.slice(0, LONGEST_REASON).toWellFormed();
    return {
      invalid: { kind: 'off-category', reason: `nothing it says is about the goal: ${why}` },
    } as const;
  }

  #ask({ scenario, turns, seed, signal }: SimulatorInput, told: string, plan: string) {
    return this.#called<Spoken>(signal, {
      system: `${told}\n\n${fill(PROMPTS.goal, { goal: scenario.objective })}`,
      user: `${turns.length === 0 ? '' : soFar(turns)}${plan}\n\n${PROMPTS.reply}`,
      schema: SCHEMA,
      read: spokenIn,
      again: (problem) => fill(PROMPTS.again, { problem, reply: PROMPTS.reply }),
      ...this.#decoding,
      seed,
      signal,
    });
  }

  async #called<T>(signal: AbortSignal | undefined, question: Question<T>) {
    try {
      return await askForObject<T>(this.#role.model, question);
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      return { status: 'error', reason: errorMessage(thrown) } as const;
    }
  }
}
