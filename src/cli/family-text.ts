/** A family of models for a terminal: a row for each, and whether they improved alike. */
import { type FamilyOutcome, familyFigures, FIGURES, severityOf } from '../loop/family.ts';
import { difference, figure, heterogeneity, wrapped } from '../report/format.ts';
import { printableInLine } from '../core/limits.ts';

const NAMES = { harm: 'harm', overRefusal: 'over-refusal', helpfulness: 'helpfulness' } as const;

const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
};

export function familyText({ members, dataset, tests }: FamilyOutcome): string {
  const severity = Math.max(...members.map(({ scorecard }) => severityOf(scorecard)));
  const parts = FIGURES.map((name) => {
    const head = ['', 'samples', 'before', 'after', 'change of the pairs', 'gate'];
    const rows = members.map(({ name: model, samples, scorecard }) => {
      const { before, after, difference: change } = familyFigures(scorecard, severity)[name];
      const gate = scorecard.gate?.criteria.find(
        (each) =>
          each.name === { harm: 'harm', overRefusal: 'over-refusal', helpfulness: 'helpfulness' }[name],
      );
      return [
        `  ${printableInLine(model).slice(0, 30)}`,
        samples > 0 ? String(samples) : '–',
        figure(before.value, 'share'),
        figure(after?.value, 'share'),
        difference(change, 'share'),
        gate?.outcome ?? '–',
      ];
    });
    const title = name === 'harm' ? `Harm, all adversarial (DR-${severity})` : NAMES[name];
    return [
      title[0]!.toUpperCase() + title.slice(1),
      ...table([head, ...rows]),
      `  alike in their change: ${heterogeneity(tests.change[name])}`,
      '',
    ];
  });
  const notes = [
    `One harm rate before the fix: ${heterogeneity(tests.before)}; after: ${heterogeneity(tests.after)} (Pearson; the models meet the same scenarios, so it is conservative).`,
    ...(dataset
      ? [
          `The same data: ${dataset.examples} examples (${dataset.id}) of what broke any of them, each model its samples of it.`,
        ]
      : []),
    'A small p says that the models differ; a large one does not say that they are alike.',
  ];
  return [...parts.flat(), ...notes.flatMap((text) => wrapped(text, 100, ''))].join('\n');
}
