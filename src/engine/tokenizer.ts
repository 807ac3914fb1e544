/** Tokenizer and chat template of a model, on Hugging Face's own libraries. */
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import { errorMessage, TemperError } from '../core/errors.ts';
import type { Message } from '../core/records.ts';

/** Used where a model brings no template. */
const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

export interface SpecialToken {
  readonly id: number;
  readonly content: string;
}

export interface TokenizerParts {
  /** Names the file in errors. */
  readonly source: string;
  /** The contents of tokenizer.json and of tokenizer_config.json, or the same made from another file. */
  readonly tokenizer: object;
  readonly settings: object;
  /** Jinja; null where the model brings none. */
  readonly template: string | null;
  readonly bos: SpecialToken | null;
  readonly eos: SpecialToken;
  /** Further tokens that end an answer. */
  readonly stops: readonly number[];
  /** What a complete answer ends with, where the template does not show it. */
  readonly endOfTurn?: number | undefined;
  readonly padding?: SpecialToken | undefined;
  /** Tokens that structure a conversation and may not come from a message. */
  readonly special: readonly SpecialToken[];
}

/** The tokenizer as Hugging Face's libraries read it. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: object;
  /** tokenizer_config.json */
  readonly configuration: object;
  /** Id of the token that begins a text, if there is one. */
  readonly beginning: number | undefined;
}

/** Runs code of a library over data of a model file; what it throws becomes a TemperError of kind `model`. */
function guarded<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new TemperError('model', `${what}: ${errorMessage(cause)}`, { cause });
  }
}

export class ChatTokenizer {
  /** Tokens that end an answer. */
  readonly stopTokens: ReadonlySet<number>;
  readonly paddingToken: number;
  /** The token that a complete answer ends with. */
  readonly endOfTurn: number;
  readonly files: TokenizerFiles;
  readonly #source: string;
  readonly #tokenizer: Tokenizer;
  readonly #template: Template;
  readonly #bos: string;
  readonly #eos: string;
  readonly #specialPattern: RegExp;

  /** Errors: `model`, naming `parts.source`. */
  constructor(parts: TokenizerParts) {
    this.#source = parts.source;
    this.#tokenizer = guarded(
      `${parts.source}: the tokenizer cannot be used`,
      () => new Tokenizer(parts.tokenizer, parts.settings),
    );
    this.#template = guarded(
      `${parts.source}: the chat template cannot be read`,
      () => new Template(parts.template ?? CHATML),
    );
    this.#bos = parts.bos?.content ?? '';
    this.#eos = parts.eos.content;
    const escaped = parts.special
      .map(({ content }) => content.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .filter((content) => content !== '');
    this.#specialPattern = new RegExp(escaped.length > 0 ? escaped.join('|') : '(?!)', 'g');
    this.endOfTurn = this.#endOfTurn(parts.special) ?? parts.endOfTurn ?? parts.eos.id;
    this.stopTokens = new Set([parts.eos.id, ...parts.stops, this.endOfTurn]);
    const padding = parts.padding ?? parts.eos;
    this.paddingToken = padding.id;
    this.files = {
      tokenizer: parts.tokenizer,
      configuration: {
        ...parts.settings,
        ...(parts.bos ? { bos_token: parts.bos.content } : {}),
        pad_token: padding.content,
        chat_template: parts.template ?? CHATML,
      },
      beginning: parts.bos?.id,
    };
  }

  /** The special token that the template puts after an answer, if it does. */
  #endOfTurn(special: readonly SpecialToken[]): number | undefined {
    const answer = 'ANSWER';
    let text: string;
    try {
      text = this.#rendered(
        [
          { role: 'user', content: 'Question' },
          { role: 'assistant', content: answer },
        ],
        false,
      );
    } catch {
      return undefined; // a template that cannot show an answer says nothing about its end
    }
    const rest = text.slice(text.lastIndexOf(answer) + answer.length).trimStart();
    const found = special.filter(({ content }) => content !== '' && rest.startsWith(content));
    return found.sort((x, y) => y.content.length - x.content.length)[0]?.id;
  }

  /** Tokens of a text in which control tokens mean what they say. Errors: `model` where the tokenizer's own rules fail. */
  encode(text: string): number[] {
    const ids = guarded(`${this.#source}: the tokenizer cannot encode a text`, () => {
      return this.#tokenizer.encode(text, { add_special_tokens: false }).ids as number[];
    });
    if (ids.every((id) => Number.isInteger(id))) return ids;
    throw new TemperError('model', `${this.#source}: the tokenizer has no token for some part of a text`);
  }

  /** Tokens of a text from outside: control tokens in it are data, and are broken up. */
  encodeText(text: string): number[] {
    return this.encode(this.#withoutControl(text));
  }

  #withoutControl(text: string): string {
    return text.replace(this.#specialPattern, (token) => `${token[0]} ${token.slice(1)}`);
  }

  decode(tokens: readonly number[]): string {
    if (tokens.length === 0) return '';
    return guarded(`${this.#source}: the tokenizer cannot decode tokens`, () =>
      this.#tokenizer.decode([...tokens], { skip_special_tokens: true }),
    );
  }

  /**
   * Tokens of a conversation up to where the assistant speaks. Control tokens inside message texts are data, not
   * structure: they are broken up so that a message cannot open a turn of its own.
   */
  encodeChat(messages: readonly Message[], begun = ''): number[] {
    return this.encode(this.render(messages) + this.#withoutControl(begun));
  }

  /** Tokens that all conversations under this system prompt, or under none, begin with. */
  chatBeginning(system?: string): number[] {
    const before: Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
    const [one, other] = ['0', 'x'].map((content) =>
      this.encodeChat([...before, { role: 'user', content }]),
    ) as [number[], number[]];
    const different = one.findIndex((token, i) => token !== other[i]);
    return one.slice(0, Math.max(0, different));
  }

  /** The text of a conversation under the model's chat template, ready for the assistant's answer. */
  render(messages: readonly Message[]): string {
    const safe = messages.map(({ role, content }) => ({
      role: this.#withoutControl(role) as Message['role'],
      content: this.#withoutControl(content),
    }));
    return guarded(`${this.#source}: the chat template of the model fails`, () => this.#rendered(safe, true));
  }

  #rendered(messages: readonly Message[], forAnswer: boolean): string {
    return this.#template.render({
      messages,
      add_generation_prompt: forAnswer,
      bos_token: this.#bos,
      eos_token: this.#eos,
    });
  }
}
