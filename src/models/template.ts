/** Request templates: JSON or a text with `{{name}}` places, filled as data, so that no message can break out of its place. */

/** What a place may name. */
export interface TemplateValues {
  /** The last message. */
  readonly prompt: string;
  readonly system: string;
  /** `{role, content}` of all messages, and of all but the last. */
  readonly messages: readonly unknown[];
  readonly history: readonly unknown[];
  readonly model: string;
  readonly maxTokens: number | null;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly seed: number | null;
}

export const TEMPLATE_NAMES = [
  'prompt',
  'system',
  'messages',
  'history',
  'model',
  'maxTokens',
  'temperature',
  'topP',
  'seed',
] as const satisfies readonly (keyof TemplateValues)[];

const PLACE = /\{\{\s*(\w+)\s*\}\}/g;
const ONLY_PLACE = /^\{\{\s*(\w+)\s*\}\}$/;

const isName = (name: string): name is keyof TemplateValues =>
  (TEMPLATE_NAMES as readonly string[]).includes(name);

/** Names in a template that mean nothing. */
export function unknownPlaces(template: unknown): string[] {
  const names = [...(JSON.stringify(template) ?? '').matchAll(PLACE)].map((match) => match[1] as string);
  return [...new Set(names)].filter((name) => !isName(name));
}

/** Whether the template sends what the user says. */
export const asksSomething = (template: unknown): boolean =>
  /\{\{\s*(prompt|messages)\s*\}\}/.test(JSON.stringify(template) ?? '');

/**
 * The template with its places filled. A JSON string that is one place alone becomes the value itself (a list, a
 * number); within a longer text a place becomes text. Filled text is not looked at again.
 */
export function fillTemplate(template: unknown, values: TemplateValues): unknown {
  if (typeof template === 'string') {
    const only = ONLY_PLACE.exec(template)?.[1];
    if (only !== undefined && isName(only)) return values[only];
    return template.replace(PLACE, (place, name: string) => (isName(name) ? asText(values[name]) : place));
  }
  if (Array.isArray(template)) return template.map((part: unknown) => fillTemplate(part, values));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, part]) => [key, fillTemplate(part, values)]));
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);

/** The value at `a.0.b` of a JSON value; undefined where the path ends early. */
export function valueAt(value: unknown, path: string): unknown {
  let node = value;
  for (const key of path
    .replace(/^\$\.?/, '')
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.')) {
    if (key === '') continue;
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return undefined;
    node = (node as Record<string, unknown>)[key];
  }
  return node;
}
