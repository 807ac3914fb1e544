/** The tokenizer of a model folder: tokenizer.json, tokenizer_config.json, generation_config.json, chat_template.jinja. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from './json-file.ts';
import { isNumber, Settings, type Values } from './settings.ts';
import { ChatTokenizer, type SpecialToken } from './tokenizer.ts';

interface AddedToken extends SpecialToken {
  readonly special?: boolean;
}

const isAddedToken = (item: unknown): item is AddedToken =>
  typeof item === 'object' &&
  item !== null &&
  typeof (item as AddedToken).content === 'string' &&
  Number.isInteger((item as AddedToken).id);

/** A token that a file names: a text, or a record with its text in `content`. */
function named(settings: Settings, key: string): string | null {
  const value = settings.get(key);
  const content = typeof value === 'object' && value !== null ? (value as Values)['content'] : value;
  return typeof content === 'string' ? content : null;
}

/** One id or a list of them. */
function ids(settings: Settings | null, key: string): readonly number[] {
  const value = settings?.get(key);
  return (Array.isArray(value) ? value : [value]).filter(isNumber);
}

/** The template of a conversation: a file of its own, or in the settings as a text or under the name `default`. */
function chatTemplate(folder: string, settings: Settings): string | null {
  const path = join(folder, 'chat_template.jinja');
  if (existsSync(path)) return readFileSync(path, 'utf8');
  const value = settings.get('chat_template');
  if (!Array.isArray(value)) return typeof value === 'string' ? value : null;
  const entries = value as readonly { name?: unknown; template?: unknown }[];
  const template = (entries.find((entry) => entry?.name === 'default') ?? entries[0])?.template;
  return typeof template === 'string' ? template : null;
}

/** Ids of all tokens; a hostile file could name some that the embedding does not have. */
function vocabulary(source: Settings, added: readonly AddedToken[], size: number): Map<string, number> {
  const model = source.record('model');
  const listed = model?.get('vocab');
  const pairs: (readonly [string, unknown])[] = Array.isArray(listed)
    ? listed.map((entry, id) => [String((entry as unknown[])?.[0]), id] as const)
    : Object.entries((listed ?? {}) as Values);
  const all = new Map<string, number>();
  for (const [token, id] of [...pairs, ...added.map(({ content, id: at }) => [content, at] as const)]) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= size)
      throw source.fail(`token '${token}' has the id ${String(id)}; the model has ${size} tokens`);
    all.set(token, id as number);
  }
  if (all.size === 0) throw source.fail('it has no vocabulary');
  return all;
}

/** `config` is the model's config.json; the ids of its tokens count where the tokenizer names none. */
export function folderTokenizer(folder: string, config: Settings, vocabularySize: number): ChatTokenizer {
  const path = join(folder, 'tokenizer.json');
  const tokenizer = readJson(path);
  const source = new Settings(path, tokenizer);
  const settingsPath = join(folder, 'tokenizer_config.json');
  const settingsValues = readJson(settingsPath, true) ?? {};
  const settings = new Settings(settingsPath, settingsValues);
  const generation = readJson(join(folder, 'generation_config.json'), true);
  const added = source.list('added_tokens', isAddedToken) ?? [];
  const byContent = vocabulary(source, added, vocabularySize);
  const byId = new Map([...byContent].map(([content, id]) => [id, content]));
  const stops = [
    ...ids(generation && new Settings('generation_config.json', generation), 'eos_token_id'),
    ...ids(config, 'eos_token_id'),
  ].filter((id) => byId.has(id));
  const eosName = named(settings, 'eos_token');
  const eos = (eosName === null ? undefined : byContent.get(eosName)) ?? stops[0];
  if (eos === undefined) throw settings.fail('neither it nor config.json names an end-of-text token');
  const token = (content: string | null | undefined): SpecialToken | undefined => {
    const id = content === null || content === undefined ? undefined : byContent.get(content);
    return id === undefined ? undefined : { id, content: content as string };
  };
  return new ChatTokenizer({
    source: path,
    tokenizer: {
      normalizer: null,
      pre_tokenizer: null,
      decoder: null,
      ...tokenizer,
      // It would add special tokens, which here come from the chat template alone.
      post_processor: null,
      added_tokens: added,
    },
    settings: { ...settingsValues, clean_up_tokenization_spaces: false },
    template: chatTemplate(folder, settings),
    bos: token(named(settings, 'bos_token') ?? byId.get(ids(config, 'bos_token_id')[0] ?? -1)) ?? null,
    eos: { id: eos, content: byId.get(eos) as string },
    stops,
    padding: token(named(settings, 'pad_token')),
    special: added.filter((token) => token.special === true),
  });
}
