import { Command, Option } from 'commander';
import { readJsonl } from '../core/jsonl.ts';
import type { Metric } from '../core/records.ts';
import { createJudge } from '../judges/registry.ts';
import { inOrder, JsonlWriter } from './context.ts';
import { conversationIn, idOf } from './records.ts';

const WIDTH = 64;

export function judgeCommand(): Command {
  return new Command('judge')
    .description('Judge answers: one verdict for each record, in order')
    .argument('<in.jsonl>', 'records {id, prompt | messages, response, context?}')
    .addOption(
      new Option('--metric <metric>', 'what to judge')
        .choices(['refusal', 'severity', 'ungroundedness'])
        .makeOptionMandatory(),
    )
    .option('--judge <judge>', 'which judge', 'embedded')
    .option('--out <out.jsonl>', 'where to write (default: stdout)')
    .addHelpText('after', '\nExample:\n  temper judge answers.jsonl --metric refusal --out verdicts.jsonl')
    .action(async (input: string, options: { metric: Metric; judge: string; out?: string }) => {
      const judge = createJudge(options.judge);
      const verdict = async ({ value }: { value: unknown }) => {
        const id = idOf(value);
        const conversation = conversationIn(value);
        const { response, context } = (value ?? {}) as { response?: unknown; context?: unknown };
        const problem =
          typeof conversation === 'string'
            ? conversation
            : typeof response !== 'string'
              ? "'response' is missing or not a text"
              : context !== undefined && context !== null && typeof context !== 'string'
                ? "'context' is not a text"
                : null;
        if (problem !== null || typeof conversation === 'string')
          return { id, status: 'unscored', reason: `bad record: ${problem}` };
        const { messages } = conversation;
        const judgement = await judge.judge(
          {
            prompt: messages.at(-1)!.content,
            history: messages.slice(0, -1),
            response: response as string,
            ...(typeof context === 'string' ? { context } : {}),
          },
          options.metric,
        );
        return { id, ...judgement };
      };
      await using out = new JsonlWriter(options.out);
      for await (const record of inOrder(readJsonl(input), WIDTH, verdict)) await out.write(record);
    });
}
