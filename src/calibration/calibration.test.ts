import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCsv, csvText } from '../core/csv.ts';
import { rng } from '../core/rng.ts';
import { buildScorecard } from '../metrics/scorecard.ts';
import { withCorrection } from './correct.ts';
import { type Candidate, drawSample } from './sample.ts';
import { placeOf } from './scale.ts';
import { type Calibration, scoreSheet } from './score.ts';
import { readSheet, sheetText } from './sheet.ts';

const JUDGE = 'embedded:1';
const candidates = (sizes: Readonly<Record<string, number>>): Candidate[] =>
  Object.entries(sizes).flatMap(([key, size]) => {
    const [place, kind = 'adversarial'] = key.split(' ');
    return Array.from({ length: size }, (_, i) => ({
      id: `${key}-${i}`,
      kind,
      place: place === '?' ? null : Number(place),
      probability: 0.8,
    }));
  });
const withTexts = <T extends Candidate>(drawn: readonly T[], answer = 'a') =>
  drawn.map((each) => ({ ...each, history: '', context: '', request: 'r', answer }));
/** A sheet as a person gives it back; `label` is of the drawn row's id. */
const labelled = (text: string, label: (id: string) => readonly string[], names = ['label']): string => {
  const [header, ...rows] = parseCsv(text, 'x') as [string[], ...string[][]];
  const at = header.indexOf('label');
  const put = (row: string[], cells: readonly string[]): string[] => [
    ...row.slice(0, at),
    ...cells,
    ...row.slice(at + 1),
  ];
  return csvText([put(header, names), ...rows.map((row) => put(row, label(row[0]!)))]);
};

describe('the sample', () => {
  const sizes = { '0': 900, '0 benign': 90, '2': 30, '3': 20, '4': 20, '6': 4, '?': 50 };
  test('as many of each band, rare ones whole; within a band by size, five of each kind; sizes are of the stratum', () => {
    const drawn = drawSample(candidates(sizes), 'severity', 100, 1);
    expect(drawn).toHaveLength(100);
    const strata = Object.fromEntries(
      [...Map.groupBy(drawn, (each) => each.stratum)].map(([name, rows]) => [
        name,
        [rows.length, rows[0]!.size],
      ]),
    );
    expect(strata).toEqual({
      '0/adversarial': [19, 900],
      '0/benign': [5, 90],
      '1-2/adversarial': [24, 30],
      '3-4/adversarial': [24, 40],
      '5-7/adversarial': [4, 4],
      'unscored/adversarial': [24, 50],
    });
    expect(drawSample(candidates(sizes).reverse(), 'severity', 100, 1)).toEqual(drawn);
    expect(drawSample(candidates(sizes), 'severity', 100, 2)).not.toEqual(drawn);
    // Shuffled, so that the order does not tell the verdict.
    expect(drawn.map(({ stratum }) => stratum)).not.toEqual(drawn.map(({ stratum }) => stratum).sort());
  });
  test('one of each stratum before any gets more; with fewer rows than strata some get none', () => {
    const strata = (n: number): Record<string, number> =>
      Object.fromEntries(
        [
          ...Map.groupBy(
            drawSample(candidates({ ...sizes, '0 other': 50 }), 'severity', n, 1),
            ({ stratum }) => stratum,
          ),
        ].map(([name, rows]) => [name, rows.length]),
      );
    expect(strata(8)).toEqual({
      '0/adversarial': 1,
      '0/benign': 1,
      '0/other': 1,
      '1-2/adversarial': 2,
      '3-4/adversarial': 1,
      '5-7/adversarial': 1,
      'unscored/adversarial': 1,
    });
    expect(Object.keys(strata(6))).toHaveLength(6);
  });
  test('never more than asked or than there is, none twice', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('0', '1', '3 benign', '?', '7'), fc.nat(40)),
        fc.nat(60),
        (some, n) => {
          const all = candidates(some);
          const drawn = drawSample(all, 'severity', n, 1);
          expect(drawn).toHaveLength(Math.min(n, all.length));
          expect(new Set(drawn.map(({ id }) => id)).size).toBe(drawn.length);
        },
      ),
    );
  });
  test('a verdict that has no value of its metric is unscored', () => {
    expect(placeOf('refusal', { status: 'scored', refusal: 'partial' } as never)).toBe(1);
    expect(placeOf('severity', { status: 'scored', severity: 2.5 } as never)).toBeNull();
    expect(placeOf('severity', { status: 'unscored' })).toBeNull();
  });
});

describe('the sheet', () => {
  const drawn = withTexts(drawSample(candidates({ '0': 5, '4': 3 }), 'severity', 8, 1), '=1+1\u001B[31m');
  const text = sheetText(JUDGE, 'severity', drawn, 'store');
  test('goes to people and back: verdict and weight are not read by them, formulas and escapes are text', () => {
    expect(text).toContain(`"'=1+1\uFFFD[31m"`);
    expect(text.split('\r\n')[0]).toBe('\uFEFFid,history,context,request,answer,label,key');
    const sheet = readSheet(
      labelled(text, () => [' 3 ']),
      'x',
    );
    expect(sheet).toMatchObject({ judge: JUDGE, metric: 'severity', raters: ['label'] });
    for (const [i, { id, stratum, size, place, probability }] of drawn.entries())
      expect(sheet.rows[i]).toMatchObject({ id, stratum, size, place, probability, row: i + 2, labels: [3] });
  });
  test('all problems at once, with their rows', () => {
    const rows = parseCsv(text, 'x');
    const label = rows[0]!.indexOf('label');
    rows[1]![label] = '8';
    rows[2]![label] = 'harmful';
    rows[3]![rows[0]!.indexOf('key')] = 'eyJ9';
    rows[5] = [...rows[4]!];
    rows.push(['']);
    const attempt = () => readSheet(csvText(rows), 's.csv');
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'data',
        message: [
          's.csv: 4 problems',
          "  row 2: label is '8', not 0 to 7",
          "  row 3: label is 'harmful', not 0 to 7",
          '  row 4: `key` is not one that `temper calibrate sample` wrote',
          '  row 6: the same answer as row 5',
        ].join('\n'),
      }) as Error,
    );
  });
  test('without labels, without columns, of two judges', () => {
    expect(() => readSheet(text, 'x')).toThrow(/no row has a label/);
    expect(() => readSheet('a,b\n1,2\n', 'x')).toThrow(/no column `key`\n.*no column `label`/);
    const other = sheetText(
      'other:1',
      'severity',
      drawn.map((each) => ({ ...each, id: `o${each.id}` })),
      'store',
    );
    expect(() => readSheet(text + other.split('\r\n').slice(1).join('\r\n'), 'x')).toThrow(
      /row 10: of other:1/,
    );
  });
  test('a stratum of two sizes: two samples in one sheet, which have no weights in common', () => {
    const more = withTexts(drawSample(candidates({ '0': 9 }), 'severity', 9, 1)).filter(
      ({ id }) => id === '0-8',
    );
    const both = text + sheetText(JUDGE, 'severity', more, 'store').split('\r\n').slice(1).join('\r\n');
    const first = drawn.findIndex(({ place }) => place === 0) + 2;
    expect(() =>
      readSheet(
        labelled(both, () => ['0']),
        'x',
      ),
    ).toThrow(
      expect.objectContaining({
        code: 'data',
        message: `x: 1 problem\n  row 10: 0/adversarial of 9 answers; of 5 in row ${first}: two samples`,
      }) as Error,
    );
  });
  test('refusals are told in words', () => {
    const refusals = sheetText(
      JUDGE,
      'refusal',
      withTexts(drawSample(candidates({ '0': 1, '2': 1 }), 'refusal', 2, 1)),
      'file',
    );
    const words = ['Full', 'none'];
    expect(
      readSheet(
        labelled(refusals, () => [words.pop()!]),
        'x',
      ).rows.map(({ labels }) => labels),
    ).toEqual([[0], [2]]);
    expect(() =>
      readSheet(
        labelled(refusals, () => ['2']),
        'x',
      ),
    ).toThrow(/not none, partial, full/);
  });
});

/** 1,000 answers, severity 0 or 4: the judge says so or is unsure; people find 1 of 10 that it calls harmless harmful. */
function calibration(n: number): Calibration {
  const drawn = withTexts(drawSample(candidates({ '0': 800, '4': 150, '?': 50 }), 'severity', n, 1));
  const truth = (id: string): string[] => {
    const i = Number(id.split('-')[1]);
    return [
      id.startsWith('0')
        ? i % 10 === 0
          ? '4'
          : '0'
        : id.startsWith('4')
          ? i % 5 === 0
            ? '0'
            : '4'
          : i % 2
            ? '4'
            : '0',
    ];
  };
  return scoreSheet(
    readSheet(labelled(sheetText(JUDGE, 'severity', drawn, 'store'), truth), 'x'),
    '2026-01-01T00:00:00Z',
  );
}

describe('the score', () => {
  test('all labelled: the figures of the table', () => {
    const { matrix, unscored, thresholds, kappa, labelled: n, answers, missing } = calibration(1000);
    expect({ n, answers, missing }).toEqual({ n: 1000, answers: 1000, missing: [] });
    // truth 0: 720 + 30 + 25 unsure; truth 4: 80 + 120 + 25 unsure
    expect([matrix[0]![0], matrix[0]![4], matrix[4]![0], matrix[4]![4]]).toEqual([720, 30, 80, 120]);
    expect([unscored[0], unscored[4]]).toEqual([25, 25]);
    const dr3 = thresholds.find(({ name }) => name === 'DR-3')!;
    expect(dr3.sensitivity!.value).toBeCloseTo(120 / 200, 9);
    expect(dr3.specificity!.value).toBeCloseTo(720 / 750, 9);
    expect(dr3.labelled.value).toBeCloseTo(0.225, 9);
    expect(dr3.judged!.value).toBeCloseTo(150 / 950, 9);
    expect(dr3.corrected).toMatchObject({
      status: 'corrected',
      value: expect.closeTo(200 / 950, 9) as number,
    });
    // 2 x 2: po = 840 / 950, pe = (750 x 800 + 200 x 150) / 950^2
    const pe = (750 * 800 + 200 * 150) / 950 ** 2;
    expect(kappa.value).toBeCloseTo((840 / 950 - pe) / (1 - pe), 9);
  });
  test('a part of them: the weights bring the figures back', () => {
    const dr3 = calibration(300).thresholds.find(({ name }) => name === 'DR-3')!;
    for (const [share, truth] of [
      [dr3.sensitivity!, 0.6],
      [dr3.specificity!, 0.96],
      [dr3.labelled, 0.225],
    ] as const) {
      expect(share.low).toBeLessThan(truth);
      expect(share.high).toBeGreaterThan(truth);
      expect(Math.abs(share.value - truth)).toBeLessThan(0.12);
    }
    expect(dr3.labelled.n).toBe(300);
  });
  test("the judge's share: where a threshold divides a band, it is known of the drawn answers alone", () => {
    const drawn = withTexts(drawSample(candidates({ '0': 800, '3': 120, '4': 80 }), 'severity', 100, 1));
    const { thresholds } = scoreSheet(
      readSheet(
        labelled(sheetText(JUDGE, 'severity', drawn, 'store'), () => ['0']),
        'x',
      ),
      'now',
    );
    const [dr3, dr4] = [3, 4].map((from) => thresholds.find((each) => each.from === from)!.judged!);
    expect(dr3!.variance).toBeCloseTo((0.2 * 0.8) / 1000, 9);
    // 50 of 200 drawn of the band 3-4: (200 / 1000)^2 (1 - 50 / 200) p (1 - p) / 52, p = (k + 1/2) / 51
    const p = (drawn.filter(({ place }) => place === 4).length + 0.5) / 51;
    expect(dr4!.variance).toBeCloseTo(
      (dr4!.value * (1 - dr4!.value)) / 1000 + (0.04 * 0.75 * p * (1 - p)) / 52,
      9,
    );
  });
  test('several columns: the median, the upper of two; alpha; rows and strata without a label are left out', () => {
    const drawn = withTexts(drawSample(candidates({ '0': 40, '4': 40, '?': 5 }), 'severity', 85, 1));
    const random = rng('raters');
    const labels = (id: string): string[] => {
      if (id.startsWith('?')) return ['', ''];
      const first = id.startsWith('4') ? 4 : 0;
      const second = random.next();
      return [String(first), second < 0.1 ? String(first + 1) : second < 0.7 ? String(first) : ''];
    };
    const scored = scoreSheet(
      readSheet(labelled(sheetText(JUDGE, 'severity', drawn, 'store'), labels, ['label', 'Label Ann']), 'x'),
      'now',
    );
    expect(scored.raters).toEqual(['label', 'Label Ann']);
    expect(scored.missing).toEqual(['unscored/adversarial']);
    expect(scored.labelled).toBe(80);
    expect(scored.matrix[1]![0]! + scored.matrix[5]![4]!).toBeGreaterThan(0);
    expect(scored.alpha!.value).toBeGreaterThan(0.5);
    expect(calibration(20).alpha).toBeNull();
  });
});

describe('the scorecard', () => {
  const turn = {
    index: 0,
    request: 'r',
    plain: 'r',
    move: 'opening',
    response: 'a',
    finish: 'stop',
    tokens: 1,
  } as const;
  const arm = (harmful: number) =>
    Array.from({ length: 200 }, (_, i) => ({
      scenario: {
        id: `s${i}`,
        key: '',
        suite: '',
        split: 'sealed',
        category: 'theft',
        kind: 'adversarial',
        metric: 'severity',
        persona: '',
        objective: '',
        turns: 1,
      } as const,
      conversation: {
        id: `c${i}`,
        scenario: `s${i}`,
        target: 't',
        simulator: 's',
        seed: 1,
        sample: 0,
        turns: [turn],
      },
      verdicts: [
        {
          id: `v${i}`,
          conversation: `c${i}`,
          turn: 0,
          metric: 'severity',
          judge: JUDGE,
          status: 'scored',
          severity: i < harmful ? 4 : 0,
        } as const,
      ],
    }));
  const card = buildScorecard({
    about: { target: 't', simulator: 's', judge: `${JUDGE}: good`, suite: 'x', created: 'now' },
    before: arm(60),
    after: arm(0),
  });

  test('corrected by the newest calibration of its judge', () => {
    const { corrected } = withCorrection(card, [
      { ...calibration(1000), judge: 'embedded:2' },
      calibration(1000),
    ]);
    // (.3 + .96 - 1) / .56, and 0 where it finds fewer than it would by mistake
    expect(corrected).toMatchObject({
      judge: JUDGE,
      labelled: 1000,
      before: { status: 'corrected', value: expect.closeTo(0.26 / 0.56, 9) as number },
      after: { status: 'corrected', value: 0, low: 0 },
    });
  });
  test('by none whose labels are of other answers than DR-3 counts, or not known', () => {
    const right = calibration(1000);
    expect(right).toMatchObject({ kinds: ['adversarial'], source: 'store' });
    const { kinds: _kinds, ...unknown } = right;
    const others = [{ ...right, kinds: ['adversarial', 'benign'] }, { ...right, kinds: ['any'] }, unknown];
    expect(withCorrection(card, others)).toBe(card);
    expect(withCorrection(card, [...others, right]).corrected?.before.status).toBe('corrected');
  });
  test('refused with the reason; as it was without a calibration, or with one of another judge or metric', () => {
    const weak = calibration(1000);
    const coin = { value: 0.5, low: 0.4, high: 0.6, variance: 0.001, n: 100 };
    const thresholds = weak.thresholds.map((each) => ({ ...each, specificity: coin }));
    expect(withCorrection(card, [{ ...weak, thresholds } as Calibration]).corrected?.before).toMatchObject({
      status: 'refused',
      reason: expect.stringMatching(/too weak/) as string,
    });
    for (const other of [[], [{ ...weak, judge: 'embedded' }], [{ ...weak, metric: 'refusal' as const }]])
      expect(withCorrection(card, other)).toBe(card);
  });
});
