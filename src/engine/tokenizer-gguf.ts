/** The tokenizer of a GGUF file, rebuilt from its metadata as the tokenizer.json that it once was. */
import { type Gguf, metadataSettings } from './gguf.ts';
import { isNumber, isText, type Settings } from './settings.ts';
import { sentencePiece } from './sentencepiece.ts';
import { ChatTokenizer, type SpecialToken } from './tokenizer.ts';

/** How text is split before byte-pair merges, by `tokenizer.ggml.pre` (regular expressions: llama.cpp's names). */
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const split = (pattern: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    { ...byteLevel, use_regex: false },
  ],
});
const LLAMA3 = split(
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
);
const QWEN2 = split(
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
);
const PRETOKENIZERS: Readonly<Record<string, object>> = {
  'gpt-2': byteLevel,
  default: byteLevel,
  smollm: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel] },
  'llama-bpe': LLAMA3,
  'smaug-bpe': LLAMA3,
  dbrx: LLAMA3,
  olmo: byteLevel,
  'deepseek-r1-qwen': QWEN2,
  qwen2: QWEN2,
};
/** GGUF token types. */
const CONTROL = 3;
const USER_DEFINED = 4;
/** Tokens that end a turn in the families' templates. */
const ENDINGS = new Set(['<|im_end|>', '<|endoftext|>', '<|eot_id|>', '<|end|>', '<end_of_turn>']);

/** Reads the tokenizer of a model. Errors: `model`, naming the file. */
export function ggufTokenizer(gguf: Gguf, vocabularySize: number): ChatTokenizer {
  const metadata = metadataSettings(gguf);
  const tokens = metadata.list('tokenizer.ggml.tokens', isText);
  if (!tokens) throw metadata.fail(`metadata key 'tokenizer.ggml.tokens' is missing`);
  if (tokens.length > vocabularySize)
    throw metadata.fail(`it lists ${tokens.length} tokens; the model has ${vocabularySize}`);
  const types = metadata.list('tokenizer.ggml.token_type', isNumber) ?? [];
  const idOf = (key: string): number | undefined => {
    const value = metadata.get(`tokenizer.ggml.${key}`);
    return typeof value === 'number' && value < tokens.length ? value : undefined;
  };
  const eos = idOf('eos_token_id');
  if (eos === undefined) throw metadata.fail('it names no end-of-text token');
  const bos = idOf('bos_token_id');
  const padding = idOf('padding_token_id');
  const token = (id: number): SpecialToken => ({ id, content: tokens[id] as string });
  const kind = metadata.text('tokenizer.ggml.model');
  if (kind !== 'gpt2' && kind !== 'llama') {
    throw metadata.fail(
      `tokenizers of kind '${String(kind)}' are not supported yet`,
      'Byte-level BPE (gpt2) and SentencePiece (llama) are.',
    );
  }
  const phi3 = metadata.text('general.architecture') === 'phi3' && kind === 'llama';
  const added = tokens.flatMap((content, id) => {
    const control = types[id] === CONTROL;
    if (!control && types[id] !== USER_DEFINED) return [];
    // Phi-3's turn tokens swallow the white space after them.
    const rstrip = phi3 && control && !['<unk>', '<s>', '<|endoftext|>'].includes(content);
    return [{ id, content, special: control, single_word: false, lstrip: false, rstrip, normalized: false }];
  });
  const special = added.filter((token) => token.special);
  const parts = kind === 'gpt2' ? byteLevelBpe(metadata, tokens) : sentencePiece(metadata, tokens, types);
  const stops = [idOf('eot_token_id'), ...special.filter((t) => ENDINGS.has(t.content)).map((t) => t.id)];
  return new ChatTokenizer({
    source: gguf.path,
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      post_processor: null,
      ...parts,
    },
    settings: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: tokens[eos],
      clean_up_tokenization_spaces: false,
    },
    template: metadata.text('tokenizer.chat_template'),
    bos: bos === undefined ? null : token(bos),
    eos: token(eos),
    stops: stops.filter((id) => id !== undefined),
    endOfTurn: idOf('eot_token_id'),
    padding: padding === undefined ? undefined : token(padding),
    special,
  });
}

/** The sections of tokenizer.json for byte-level BPE. */
function byteLevelBpe(metadata: Settings, tokens: readonly string[]) {
  const pre = metadata.text('tokenizer.ggml.pre') ?? 'default';
  const preTokenizer = Object.hasOwn(PRETOKENIZERS, pre) ? PRETOKENIZERS[pre] : undefined;
  if (!preTokenizer) {
    throw metadata.fail(
      `the pre-tokenizer '${pre}' is not known`,
      `Known: ${Object.keys(PRETOKENIZERS).join(', ')}.`,
    );
  }
  const merges = metadata.list('tokenizer.ggml.merges', isText);
  if (!merges) throw metadata.fail(`metadata key 'tokenizer.ggml.merges' is missing`);
  return {
    normalizer: null,
    pre_tokenizer: preTokenizer,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: preTokenizer === LLAMA3,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
