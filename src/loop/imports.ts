/** The preference files of a configuration as examples, without what the judge or an embedder says is of no use. */
import type { Config } from '../config/config.ts';
import type { Emit } from '../core/events.ts';
import type { PreferenceExample } from '../core/records.ts';
import type { GuardedText } from '../curation/firewall.ts';
import { type Imported, importPreferences, passedOverNote } from '../curation/import.ts';
import { withoutNoise } from '../curation/label-noise.ts';
import { requestOf, withoutParaphrases } from '../curation/paraphrases.ts';
import type { Judge } from '../judges/judge.ts';
import type { Embedder } from './embedder.ts';

interface Tools {
  readonly judge: Judge;
  /** null: words alone decide, later. */
  readonly embedder: Embedder | null;
  readonly guarded: readonly GuardedText[];
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** Errors: those of `importPreferences`, of the judge and of the embedder. */
export async function importedExamples(
  { curation, seed }: Pick<Config, 'curation' | 'seed'>,
  tools: Tools,
): Promise<PreferenceExample[]> {
  const imported: PreferenceExample[] = [];
  for (const source of curation.imports) {
    const { path } = source;
    const labelled = await denoised(
      await importPreferences(source, seed, { balance: curation.balance, language: curation.language }),
      path,
      curation,
      tools,
    );
    const read = await distinct(labelled, tools);
    const note = passedOverNote(read);
    if (note !== null) tools.emit({ type: 'note', level: 'warning', message: `${path}: ${note}` });
    imported.push(...read.examples);
  }
  return imported;
}

/** Without the pairs whose labels the judge doubts, where that is asked for. */
async function denoised(
  read: Imported,
  path: string,
  { judgeImports, harmSeverity }: Config['curation'],
  { judge, emit, signal }: Tools,
): Promise<Imported> {
  if (!judgeImports) return read;
  const { kept, passedOver, unscored } = await withoutNoise(read.examples, { judge, harmSeverity, signal });
  if (unscored > 0)
    emit({
      type: 'note',
      level: 'warning',
      message: `${path}: ${unscored} pairs kept that the judge could not score`,
    });
  return { ...read, examples: kept, passedOver: { ...read.passedOver, ...passedOver } };
}

/** Without what says the same in other words, or says what is guarded, where there is an embedder. */
async function distinct(read: Imported, { embedder, guarded, signal }: Tools): Promise<Imported> {
  if (embedder === null) return read;
  const vectors = await embedder.embed(read.examples.map(requestOf), signal);
  const texts = guarded.map(({ text }) => text).filter((text) => text.trim() !== '');
  const { kept, passedOver } = withoutParaphrases(
    read.examples,
    vectors,
    await embedder.embed(texts, signal),
  );
  return { ...read, examples: kept, passedOver: { ...read.passedOver, ...passedOver } };
}
