import { Command } from 'commander';
import { curateDev } from '../loop/run.ts';
import { withCommon, withProgress } from './context.ts';
import { checkOutput, JsonlWriter, printJson, refuseSameFile, refuseSharedStdout, say } from './output.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

export function curateCommand(): Command {
  return withTarget(withCommon(new Command('curate')))
    .description(
      'Curate preference data from a dev pass (run where it is missing) and write it as JSON Lines',
    )
    .requiredOption(
      '--out <data.jsonl>',
      "where to write, in TRL's conversational preference format with lineage",
    )
    .addHelpText('after', '\nExample:\n  temper curate --out pairs.jsonl')
    .action(async (options: TargetOptions & { out: string }) => {
      refuseSharedStdout(options.json, options.out);
      checkOutput(options.out);
      const config = targetConfig(options);
      for (const { path } of config.curation.imports) refuseSameFile(path, options.out);
      const { id, examples, counts, removed } = await withProgress((tools) => curateDev(config, tools));
      {
        using out = new JsonlWriter(options.out);
        for (const example of examples) out.write(example);
      }
      if (options.out === '-') return;
      if (options.json) printJson({ dataset: id, examples: examples.length, counts, removed });
      else say(`dataset ${id}: ${examples.length} examples in ${options.out}\n`);
    });
}
