/** Records of the JSON Lines contracts (docs/formats.md), as they come: every field is checked before it is used. */
import type { Message } from '../core/records.ts';

export interface Conversing {
  readonly id: unknown;
  readonly messages: readonly Message[];
}

const ROLES = new Set(['system', 'user', 'assistant']);

const isMessage = (value: unknown): value is Message => {
  const { role, content } = (value ?? {}) as { role?: unknown; content?: unknown };
  return typeof role === 'string' && ROLES.has(role) && typeof content === 'string';
};

/** `{id, prompt | messages}` as messages that end with the user's; a text says what is wrong. */
export function conversationIn(record: unknown): Conversing | string {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return 'the record is not an object';
  const { id, prompt, messages } = record as Record<string, unknown>;
  if (id === undefined || id === null) return "'id' is missing";
  if (typeof prompt === 'string') return { id, messages: [{ role: 'user', content: prompt }] };
  if (!Array.isArray(messages)) return "neither 'prompt' (a text) nor 'messages' (a list) is given";
  if (messages.length === 0 || !messages.every(isMessage))
    return "'messages' must be a list of {role: system|user|assistant, content: text}";
  if (messages.at(-1)?.role !== 'user') return "'messages' must end with the user's";
  return { id, messages };
}

export const idOf = (record: unknown): unknown => (record as { id?: unknown } | null)?.id ?? null;
