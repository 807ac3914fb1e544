/**
 * Preference examples as other trainers read them: one entry a format. Each has pairs for DPO and its relatives, and
 * chosen answers alone for SFT: who gave an empty `rejected` to DPO would teach it to avoid silence.
 */
import type { Message, PreferenceExample } from '../core/records.ts';
import { wholeSentences } from './good-answer.ts';

export interface TrainerFormat {
  readonly description: string;
  /** A record of the pairs; asked for examples that have both answers alone. */
  pair(example: PreferenceExample): Record<string, unknown>;
  /** A record of SFT. */
  answer(example: PreferenceExample): Record<string, unknown>;
  /** How the trainer is told of the two files, as Markdown. */
  usage(pairs: string, answers: string): string;
}

/** Whether both answers say something, so that one can be preferred. */
export const isPair = ({ rejected }: PreferenceExample): boolean =>
  rejected.some(({ content }) => content.trim() !== '');

/** An example for a trainer that ends every answer: one that a limit cut ends with its last whole sentence. */
export const ended = (example: PreferenceExample): PreferenceExample =>
  example.cut?.includes('chosen')
    ? {
        ...example,
        chosen: example.chosen.map(({ role, content }) => ({ role, content: wholeSentences(content) })),
      }
    : example;

const about = ({ id, purpose, category, lineage, cut }: PreferenceExample) => ({
  id,
  purpose,
  category,
  source: lineage.source,
  cut: cut ?? [],
});

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

const TAGS = { system: 'system', user: 'human', assistant: 'gpt' } as const;
const shared = ({ role, content }: Message) => ({ from: TAGS[role], value: content });
const spoken = (messages: readonly Message[]) => messages.filter(({ role }) => role !== 'system').map(shared);
const systemOf = (messages: readonly Message[]): string =>
  messages.flatMap(({ role, content }) => (role === 'system' ? [content] : [])).join('\n\n');

const CHATML = { role_tag: 'from', content_tag: 'value', user_tag: 'human', assistant_tag: 'gpt' };

export const TRAINER_FORMATS: Readonly<Record<string, TrainerFormat>> = {
  trl: {
    description: "TRL's conversational preference and prompt-completion formats",
    pair: (example) => ({
      prompt: example.prompt,
      chosen: example.chosen,
      rejected: example.rejected,
      ...about(example),
    }),
    answer: (example) => ({ prompt: example.prompt, completion: example.chosen, ...about(example) }),
    usage: (pairs, answers) =>
      fenced(
        'python',
        [
          'from datasets import load_dataset',
          `answers = load_dataset("json", data_files="${answers}", split="train")  # SFTTrainer`,
          `pairs = load_dataset("json", data_files="${pairs}", split="train")  # DPOTrainer`,
        ].join('\n'),
      ),
  },
  axolotl: {
    description: 'axolotl: `chat_template.default` for preferences, `chat_template` for SFT',
    pair: (example) => ({
      messages: example.prompt,
      chosen: example.chosen.at(-1),
      rejected: example.rejected.at(-1),
      ...about(example),
    }),
    // What was said before the answer is shown and not learnt.
    answer: (example) => ({
      messages: [
        ...example.prompt.map((message) => ({ ...message, training: false })),
        ...example.chosen.map((message) => ({ ...message, training: true })),
      ],
      ...about(example),
    }),
    usage: (pairs, answers) =>
      [
        'SFT:',
        '',
        fenced(
          'yaml',
          [
            'datasets:',
            `  - path: ${answers}`,
            '    ds_type: json',
            '    type: chat_template',
            '    field_messages: messages',
            '    message_field_training: training',
          ].join('\n'),
        ),
        '',
        'DPO, from the result of SFT:',
        '',
        fenced(
          'yaml',
          [
            'rl: dpo',
            'datasets:',
            `  - path: ${pairs}`,
            '    ds_type: json',
            '    split: train',
            '    type: chat_template.default',
            '    field_messages: messages',
            '    field_chosen: chosen',
            '    field_rejected: rejected',
          ].join('\n'),
        ),
      ].join('\n'),
  },
  'llama-factory': {
    description: 'LLaMA-Factory: sharegpt, with `ranking` for preferences',
    pair: (example) => ({
      conversations: spoken(example.prompt),
      system: systemOf(example.prompt),
      chosen: shared(example.chosen.at(-1)!),
      rejected: shared(example.rejected.at(-1)!),
      ...about(example),
    }),
    answer: (example) => ({
      conversations: spoken([...example.prompt, ...example.chosen]),
      system: systemOf(example.prompt),
      ...about(example),
    }),
    usage: (pairs, answers) => {
      const columns = { messages: 'conversations', system: 'system' };
      const entries = {
        temper_sft: { file_name: answers, formatting: 'sharegpt', columns, tags: CHATML },
        temper_pairs: {
          file_name: pairs,
          formatting: 'sharegpt',
          ranking: true,
          columns: { ...columns, chosen: 'chosen', rejected: 'rejected' },
          tags: CHATML,
        },
      };
      return [
        'Into `dataset_info.json`; with `mask_history: true` SFT learns the last answer alone:',
        '',
        fenced('json', JSON.stringify(entries, null, 2)),
      ].join('\n');
    },
  },
};
