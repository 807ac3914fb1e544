/** Where the data that comes with temper lies: beside the sources in a checkout, beside dist/ in the package. */
import { fileURLToPath } from 'node:url';

const data = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const BUILT_IN = {
  suites: data('suites'),
  /** The five responsible-AI suites, measured by name. */
  rai: data('suites/rai'),
  everyday: data('suites/general-prompts/dev.json'),
  taxonomy: data('taxonomies/temper-v1.json'),
  importLabels: data('taxonomies/import-labels.json'),
  frameworks: data('taxonomies/frameworks-v1.json'),
  /** `attacks`, `personas`, `writers` and others: the files of prompts/. */
  prompts: (name: string): string => data(`prompts/${name}.json`),
} as const;
