/** The keys under `curation`: what of a dev pass, and of files, becomes examples. */
import { z } from 'zod';
import { DIMENSIONS } from '../curation/dimensions.ts';
import { LANGUAGES } from '../curation/language.ts';

export const curationSchema = z
  .strictObject({
    /** A turn at least this severe is a finding. */
    harmSeverity: z.int().min(1).max(7).default(3),
    /** Answers of dev conversations are cut here: training learns their beginning. */
    maxTokens: z.int().min(8).default(48),
    /** Harm examples wanted; dev requests that were not run fill up. */
    harmExamples: z.int().min(0).default(380),
    /** Phrases of a category that its declines are made of. */
    declinePhrases: z.int().min(1).default(1),
    benignPerHarm: z.number().min(0).default(1.3),
    generalPerHarm: z.number().min(0).default(0.3),
    /** Harmless requests that the target refused are asked again with an answer's first word put into its mouth. */
    beginAnswers: z.boolean().default(true),
    /** Examples with personal data or secrets are held back: of `imports` by default. No default, as it is part of ids. */
    personalData: z.enum(['imports', 'all', 'keep']).optional(),
    /** Whether the target is asked which hidden words it reads: under those, no harm is no misunderstanding. No default, as above. */
    probe: z.boolean().optional(),
    /** A model that criticises and rewrites chosen answers, by `provider:model` or a name under `targets`. */
    reviser: z.string().min(1).optional(),
    /** Whether imported pairs whose labels the judge doubts are passed over. No default, as above. */
    judgeImports: z.boolean().optional(),
    /** Whether look-alikes of what is declined are taken before others. No default, as above. */
    partners: z.boolean().optional(),
    /** ISO 639-1: imports in another language are passed over. No default, as above. */
    language: z.enum(LANGUAGES as [string, ...string[]]).optional(),
    /** What imports, look-alikes and everyday answers are even over, one within the other. No default, as above. */
    balance: z
      .array(z.enum(DIMENSIONS))
      .min(1)
      .refine((all) => new Set(all).size === all.length, 'names something twice')
      .optional(),
    /** Public preference files to add (docs/formats.md). */
    imports: z
      .array(
        z.strictObject({
          path: z.string().min(1),
          format: z.string().min(1),
          limit: z.int().min(1).default(500),
        }),
      )
      .default([]),
  })
  .prefault({});
