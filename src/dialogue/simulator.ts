/**
 * The scripted simulator: plays the user over several turns from persona texts (prompts/personas.json), chosen by
 * seed. It needs no model, so it is fast, free and repeatable; it reacts only to whether the last answer was a
 * refusal, not to what it said.
 */
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import { type InvalidSimulation, type Scenario, type Turn, VERBATIM } from '../core/records.ts';
import type { Rng } from '../core/rng.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { LANGUAGES } from '../scenarios/languages.ts';
import { TEMPLATES_VERSION, attackById } from './attacks/index.ts';

const texts = z.array(z.string().min(1)).min(1);

const personaFile = z.strictObject({
  id: z.string(),
  version: z.string(),
  personas: z.record(
    z.string(),
    z.strictObject({
      description: z.string(),
      /** `{objective}` stands for the scenario's objective. */
      openings: z.array(z.string().includes('{objective}')).min(1),
      afterRefusal: texts,
      afterAnswer: texts,
    }),
  ),
});

export type Persona = z.infer<typeof personaFile>['personas'][string];

export interface NextRequest {
  /** In plain words. */
  readonly plain: string;
  /** As the target receives it, after the attack and with the context document. */
  readonly request: string;
  readonly move: Turn['move'];
}

/** All that the user's next message may follow from. */
export interface SimulatorInput {
  readonly scenario: Scenario;
  readonly turns: readonly Turn[];
  /** Whether the last answer was a refusal. */
  readonly lastRefused: boolean;
  /** This turn's own stream, used by nothing else. */
  readonly random: Rng;
  /** Of a sampled message. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

export interface Simulator {
  /** Kind and all that shapes its words; part of every conversation's id. */
  readonly id: string;
  /** For the scorecard. */
  readonly description: string;
  /**
   * The user's next message; null when the conversation is over; what makes it invalid. Errors: those that end the work,
   * and `data` for a scenario that it cannot play.
   */
  next(
    input: SimulatorInput,
  ): Promise<NextRequest | null | { readonly invalid: Omit<InvalidSimulation, 'turn'> }>;
}

const data = parseData(BUILT_IN.prompts('personas'), personaFile, 'prompts');

export const PERSONAS: Readonly<Record<string, Persona>> = data.personas;

/** Of the persona texts. */
export const PERSONAS_VERSION = data.version;

/** Identity of the scripted simulator: kind and the versions of the texts it speaks. */
export const SCRIPTED_SIMULATOR_ID = `scripted:${PERSONAS_VERSION}.${TEMPLATES_VERSION}`;

/**
 * The user's next message, or null when the conversation is over (turn budget spent, or no question left).
 * `random` must be this turn's own stream, used by nothing else.
 */
export function nextRequest(
  scenario: Scenario,
  turns: readonly Turn[],
  lastRefused: boolean,
  random: Rng,
): NextRequest | null {
  if (turns.length >= scenario.turns) return null;
  const move = moveAt(turns, lastRefused);
  const plain = wordRequest(scenario, turns, move, random);
  return plain === null ? null : asSent(scenario, turns, { plain, move }, random);
}

export const SCRIPTED: Simulator = {
  id: SCRIPTED_SIMULATOR_ID,
  description: 'scripted personas',
  next: ({ scenario, turns, lastRefused, random }) =>
    Promise.resolve(nextRequest(scenario, turns, lastRefused, random)),
};

export const moveAt = (turns: readonly Turn[], lastRefused: boolean): Turn['move'] =>
  turns.length === 0 ? 'opening' : lastRefused ? 'after-refusal' : 'after-answer';

/** A message in plain words as the target receives it: within the attack, behind the document. */
export function asSent(
  scenario: Scenario,
  turns: readonly Turn[],
  { plain, move }: Pick<NextRequest, 'plain' | 'move'>,
  random: Rng,
): NextRequest {
  const attack = scenario.attack ?? (turns.length === 0 ? scenario.prefix : undefined);
  const wrapped = attack === undefined ? plain : attackById(attack).apply(plain, random);
  const request =
    scenario.context !== undefined && turns.length === 0
      ? withContext(scenario.context, wrapped, scenario.language)
      : wrapped;
  return { plain, request, move };
}

function wordRequest(
  scenario: Scenario,
  turns: readonly Turn[],
  move: Turn['move'],
  random: Rng,
): string | null {
  if (scenario.kind === 'grounded') return groundedQuestions(scenario)[turns.length] ?? null;
  // General items have checked answers: the wording stays as written.
  if (asWritten(scenario) && move === 'opening') return scenario.objective;
  const persona = personaOf(scenario);
  if (move === 'opening') return fill(random.pick(persona.openings), scenario.objective);
  const lines = move === 'after-refusal' ? persona.afterRefusal : persona.afterAnswer;
  const said = new Set(turns.map((turn) => turn.plain));
  const fresh = lines.map((line) => fill(line, scenario.objective)).filter((line) => !said.has(line));
  return fresh.length === 0 ? null : random.pick(fresh);
}

/** Whether the first message is the objective, word for word: checked answers, and prompts of others. */
export const asWritten = ({ kind, persona }: Scenario): boolean => kind === 'general' || persona === VERBATIM;

/** The questions of a grounded scenario, one a turn: its objective's lines. */
export function groundedQuestions(scenario: Scenario): string[] {
  return scenario.objective.split('\n');
}

/** The first message about a document: the document, delimited, then the question. */
export function withContext(context: string, question: string, language?: string): string {
  const only = language === undefined ? 'Answer from this document only.' : LANGUAGES[language]?.document;
  return `${only}\n\n<document>\n${context}\n</document>\n\n${question}`;
}

export function personaOf(scenario: Scenario): Persona {
  const persona = Object.hasOwn(PERSONAS, scenario.persona) ? PERSONAS[scenario.persona] : undefined;
  if (persona === undefined) {
    throw new TemperError(
      'data',
      `scenario '${scenario.key}' names the unknown persona '${scenario.persona}'`,
      {
        hint: `Use one of: ${Object.keys(PERSONAS).join(', ')}.`,
      },
    );
  }
  return persona;
}

const fill = (pattern: string, objective: string): string => pattern.replace('{objective}', () => objective);
