/**
 * Trains a small adapter on the random Llama of the fixtures and writes it for other tools:
 *
 *     node bench/parity/adapters.ts OUT && python bench/parity/adapters.py verify OUT
 *
 * OUT gets adapter/ (PEFT), adapter.gguf (llama.cpp), merged/ (transformers), model.gguf and temper.json: what temper
 * computes with it.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Message, PreferenceExample } from '../../src/core/records.ts';
import { ALL_TARGETS, freshAdapter, loadAdapter, saveAdapter } from '../../src/engine/adapter.ts';
import { exportGgufAdapter, exportMerged } from '../../src/engine/export.ts';
import { Generator } from '../../src/engine/generator.ts';
import { loadModel } from '../../src/engine/model.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { trainOnnx } from '../../src/training/onnx.ts';
import { sftSchema } from '../../src/training/recipe.ts';

const out = process.argv[2];
if (!out) throw new Error('Give a folder to write to.');
mkdirSync(out, { recursive: true });
const base = fileURLToPath(new URL('../../test/fixtures/tiny/model.gguf', import.meta.url));
const model = loadModel(base);
const said = (role: Message['role'], content: string): Message[] => [{ role, content }];
const examples = ['the weather', 'the sea', 'the thin moth'].map((subject, i): PreferenceExample => ({
  id: String(i),
  prompt: said('user', `Tell me about ${subject}`),
  chosen: said('assistant', `${subject} is calm and bright on this third day of the month.`),
  rejected: said('assistant', 'No.'),
  purpose: 'general',
  category: 'parity',
  lineage: { source: 'parity', chosenBy: 'hand', rejectedBy: 'hand' },
}));
const start = freshAdapter(model.config, { rank: 8, alpha: 4, rslora: true, targets: ALL_TARGETS, seed: 1 });
const recipe = sftSchema.parse({ learningRate: 1e-2, batch: 3, epochs: 100, dropout: 0.05 });
const { adapter: trained, finalLoss } = await trainOnnx(model, start, examples, recipe);
saveAdapter(join(out, 'adapter'), trained, { base: 'tiny' });
const adapter = loadAdapter(join(out, 'adapter'), model.config);
exportGgufAdapter(join(out, 'adapter.gguf'), adapter, model.config);
exportMerged(join(out, 'merged'), model, adapter);
copyFileSync(base, join(out, 'model.gguf'));

/** 20 prompts, those that it was trained on among them. */
const subjects = ['the weather', 'the sea', 'the thin moth', 'a stone', 'this month'].flatMap((subject) =>
  ['Tell me about', 'What is', 'Is it bright:', 'And'].map((opening) => `${opening} ${subject}`),
);
const prompts = subjects.map((text) => model.tokenizer.render(said('user', text)));
const prompt = model.tokenizer.render(examples[1]!.prompt);
const tokens = [...model.tokenizer.encode(prompt), ...model.tokenizer.encode('the sea is wild, 3 < 4.')];
const [logprobs] = await scoreCompletions(
  model,
  [{ prompt: tokens.slice(0, 1), completion: tokens.slice(1) }],
  { adapter },
);
const count = 40;
await using generator = await Generator.create(model, { adapter, batch: 2 });
const answers = await Promise.all(
  prompts.map((text) => generator.generate({ prompt: model.tokenizer.encode(text), maxTokens: count })),
);
const chats = [
  examples[0]!.prompt,
  [...said('system', 'Be brief.'), ...said('user', 'Wie geht’s? 漢字 th')],
].map((messages) => ({ messages, tokens: model.tokenizer.encodeChat(messages) }));
const greedy = answers.map((answer, i) => ({
  prompt: prompts[i],
  before: model.tokenizer.encode(prompts[i]!),
  tokens: answer.tokens,
  text: model.tokenizer.decode(answer.tokens),
}));
writeFileSync(
  join(out, 'temper.json'),
  JSON.stringify({ tokens, logprobs: [...logprobs!], count, greedy, chats }),
);
console.log(`last loss ${finalLoss.toFixed(3)}; greedy: ${greedy[4]!.text}`);
