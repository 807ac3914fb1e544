/** Tokenizer and chat template of a model, from GGUF metadata through Hugging Face's own libraries. */
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import { TemperError } from '../core/errors.ts';
import type { Message } from '../core/records.ts';
import type { Gguf } from './gguf.ts';

/** How text is split before byte-pair merges, by `tokenizer.ggml.pre` (regular expressions: llama.cpp's names). */
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const split = (pattern: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    { ...byteLevel, use_regex: false },
  ],
});
const PRETOKENIZERS: Readonly<Record<string, object>> = {
  'gpt-2': byteLevel,
  default: byteLevel,
  smollm: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel] },
  'llama-bpe': split(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ),
  qwen2: split(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ),
};
/** GGUF token types. */
const CONTROL = 3;
const USER_DEFINED = 4;
/** Used where a model brings no template. */
const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** The tokenizer as Hugging Face's libraries read it. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: object;
  /** tokenizer_config.json */
  readonly configuration: object;
  /** Id of the token that begins a text, if there is one. */
  readonly beginning: number | undefined;
}

export class ChatTokenizer {
  /** Tokens that end an answer. */
  readonly stopTokens: ReadonlySet<number>;
  readonly paddingToken: number;
  /** The token that a complete answer ends with. */
  readonly endOfTurn: number;
  readonly files: TokenizerFiles;
  readonly #tokenizer: Tokenizer;
  readonly #template: Template;
  readonly #special: { bos: string; eos: string };
  readonly #specialPattern: RegExp;

  constructor(
    tokenizer: Tokenizer,
    options: {
      template: string;
      bos: string;
      eos: string;
      endOfTurn: number;
      stopTokens: Iterable<number>;
      paddingToken: number;
      special: readonly string[];
      files: TokenizerFiles;
    },
  ) {
    this.#tokenizer = tokenizer;
    this.#template = new Template(options.template);
    this.#special = { bos: options.bos, eos: options.eos };
    this.stopTokens = new Set(options.stopTokens);
    this.paddingToken = options.paddingToken;
    this.endOfTurn = options.endOfTurn;
    this.files = options.files;
    const escaped = options.special
      .filter((s) => s !== '')
      .map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    this.#specialPattern = new RegExp(escaped.length > 0 ? escaped.join('|') : '(?!)', 'g');
  }

  static fromGguf(gguf: Gguf): ChatTokenizer {
    const fail = (what: string, hint?: string): TemperError =>
      new TemperError('model', `${gguf.path}: ${what}`, hint ? { hint } : {});
    const kind = gguf.metadata.get('tokenizer.ggml.model');
    if (kind !== 'gpt2')
      throw fail(`tokenizers of kind '${String(kind)}' are not supported yet`, 'Byte-level BPE (gpt2) is.');
    const pre = String(gguf.metadata.get('tokenizer.ggml.pre') ?? 'default');
    const preTokenizer = Object.hasOwn(PRETOKENIZERS, pre) ? PRETOKENIZERS[pre] : undefined;
    if (!preTokenizer)
      throw fail(
        `the pre-tokenizer '${pre}' is not known`,
        `Known: ${Object.keys(PRETOKENIZERS).join(', ')}.`,
      );
    const strings = (key: string): string[] => {
      const value = gguf.metadata.get(key);
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value as string[];
      throw fail(`metadata key '${key}' is missing or not a list of texts`);
    };
    const tokens = strings('tokenizer.ggml.tokens');
    const merges = strings('tokenizer.ggml.merges');
    const types = gguf.metadata.get('tokenizer.ggml.token_type');
    const vocabulary = Object.fromEntries(tokens.map((token, id) => [token, id]));
    const typeOf = (id: number): unknown => (Array.isArray(types) ? types[id] : undefined);
    const added = tokens.flatMap((content, id) =>
      typeOf(id) === CONTROL || typeOf(id) === USER_DEFINED
        ? [
            {
              id,
              content,
              special: typeOf(id) === CONTROL,
              single_word: false,
              lstrip: false,
              rstrip: false,
              normalized: false,
            },
          ]
        : [],
    );
    const idOf = (key: string): number | undefined => {
      const value = gguf.metadata.get(`tokenizer.ggml.${key}`);
      return typeof value === 'number' && value < tokens.length ? value : undefined;
    };
    const eos = idOf('eos_token_id');
    if (eos === undefined) throw fail('it names no end-of-text token');
    const bos = idOf('bos_token_id');
    const definition = {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: preTokenizer,
      post_processor: null,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: vocabulary,
        merges,
      },
    };
    const configuration = {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: tokens[eos],
      clean_up_tokenization_spaces: false,
    };
    const tokenizer = new Tokenizer(definition, configuration);
    const stops = ['eos_token_id', 'eot_token_id'].map(idOf).filter((id) => id !== undefined);
    const endings = ['<|im_end|>', '<|endoftext|>', '<|eot_id|>', '<|end|>'].map(
      (token) => vocabulary[token],
    );
    const special = added.filter((token) => token.special).map((token) => token.content);
    const named = gguf.metadata.get('tokenizer.chat_template');
    const template = typeof named === 'string' ? named : CHATML;
    const paddingToken = idOf('padding_token_id') ?? eos;
    return new ChatTokenizer(tokenizer, {
      template,
      bos: bos === undefined ? '' : (tokens[bos] as string),
      eos: tokens[eos] as string,
      endOfTurn: idOf('eot_token_id') ?? eos,
      stopTokens: [
        ...stops,
        ...endings.filter((id) => id !== undefined && typeOf(id) === CONTROL),
      ] as number[],
      paddingToken,
      special,
      files: {
        tokenizer: definition,
        configuration: {
          ...configuration,
          ...(bos === undefined ? {} : { bos_token: tokens[bos] }),
          pad_token: tokens[paddingToken],
          chat_template: template,
        },
        beginning: bos,
      },
    });
  }

  encode(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  decode(tokens: readonly number[]): string {
    return tokens.length === 0 ? '' : this.#tokenizer.decode([...tokens], { skip_special_tokens: true });
  }

  /**
   * Tokens of a conversation up to where the assistant speaks. Control tokens inside message texts are data, not
   * structure: they are broken up so that a message cannot open a turn of its own.
   */
  encodeChat(messages: readonly Message[]): number[] {
    return this.encode(this.render(messages));
  }

  /** The text of a conversation under the model's chat template, ready for the assistant's answer. */
  render(messages: readonly Message[]): string {
    const safe = messages.map(({ role, content }) => ({
      role,
      content: content.replace(this.#specialPattern, (token) => `${token[0]} ${token.slice(1)}`),
    }));
    try {
      return this.#template.render({
        messages: safe,
        add_generation_prompt: true,
        bos_token: this.#special.bos,
        eos_token: this.#special.eos,
      });
    } catch (cause) {
      throw new TemperError('model', `the chat template of the model fails: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
}
