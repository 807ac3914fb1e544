/**
 * SentencePiece BPE as GGUF stores it (pieces with scores, no merges) in the form of tokenizer.json: joining two pieces
 * ranks by the score of the result, which is the order in which SentencePiece joins.
 */
import { isNumber, type Settings } from './settings.ts';

/** GGUF token types. */
const NORMAL = 1;
const UNKNOWN = 2;
const SPACE = '\u2581';

/** All ways to make a piece of two others, the best first: by score, then by the longer left and right part. */
function mergesOf(
  tokens: readonly string[],
  types: readonly number[],
  scores: readonly number[],
): (readonly [string, string])[] {
  const normal = new Set(tokens.filter((_, id) => (types[id] ?? NORMAL) === NORMAL));
  const found: { left: string; right: string; score: number }[] = [];
  tokens.forEach((token, id) => {
    if (!normal.has(token)) return;
    for (let cut = 1; cut < token.length; cut++) {
      const left = token.slice(0, cut);
      const right = token.slice(cut);
      if (normal.has(left) && normal.has(right)) found.push({ left, right, score: scores[id] as number });
    }
  });
  found.sort((a, b) => b.score - a.score || b.left.length - a.left.length || b.right.length - a.right.length);
  return found.map(({ left, right }) => [left, right] as const);
}

/** The sections of tokenizer.json. Errors: `model` where the scores are missing. */
export function sentencePiece(metadata: Settings, tokens: readonly string[], types: readonly number[]) {
  const scores = metadata.list('tokenizer.ggml.scores', isNumber);
  if (scores?.length !== tokens.length)
    throw metadata.fail(`metadata key 'tokenizer.ggml.scores' does not have one score for each token`);
  const prefixed = metadata.get('tokenizer.ggml.add_space_prefix') !== false;
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [...(prefixed ? [{ type: 'Prepend', prepend: SPACE }] : []), spaces],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: tokens.find((_, id) => types[id] === UNKNOWN) ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: mergesOf(tokens, types, scores),
    },
  };
}
