/** A graph ready to run on ONNX Runtime. */
import './no-telemetry.ts'; // before the runtime
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { TemperError } from '../core/errors.ts';
import type { Graph } from './graph.ts';
import { lower, type WeightPlacement } from './lowering.ts';
import { probe, providerFailed, requireProvider } from './provider.ts';
import type { Provider } from './provider-names.ts';

export { Tensor };

/** Float32 arrays by name, in the layout that the graph declares. */
export type WeightSource = ReadonlyMap<string, Float32Array>;

export interface SessionOptions {
  readonly placement: WeightPlacement;
  /** What runs the graph; the processor by default. What it lacks, the processor does. */
  readonly provider?: Provider | undefined;
  /** Threads of one operator; default: what ONNX Runtime takes (the physical cores). */
  readonly threads?: number;
  /** Write ONNX Runtime's profile to this path prefix. */
  readonly profile?: string;
}

export class Session {
  readonly #session: InferenceSession;
  readonly #fed: Readonly<Record<string, Tensor>>;

  private constructor(session: InferenceSession, fed: Readonly<Record<string, Tensor>>) {
    this.#session = session;
    this.#fed = fed;
  }

  static async create(graph: Graph, weights: WeightSource, options: SessionOptions): Promise<Session> {
    const { provider = 'cpu' } = options;
    requireProvider(provider);
    // Weights that are fed would go to the device at every run.
    const placement = provider === 'cpu' ? options.placement : 'stored';
    const lowered = lower(graph, placement);
    const bytes = (name: string): Float32Array => {
      const data = weights.get(name);
      if (!data) throw new TemperError('model', `the model has no weight '${name}'`);
      return data;
    };
    const externalData = lowered.weights.map((name) => {
      const data = bytes(name);
      return { path: name, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
    });
    const fed: Record<string, Tensor> = {};
    if (placement === 'fed') {
      for (const node of graph.nodes) {
        if (node.operation !== 'weight') continue;
        const { name } = node.attributes;
        fed[name] = new Tensor('float32', bytes(name), node.outputs[0]!.shape as number[]);
      }
    }
    const session = await InferenceSession.create(lowered.model, {
      executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // A plan of all memory of a run, made for each new shape, would lie beside that of the run without one; decoding alone
      // has few shapes.
      enableMemPattern: placement === 'stored',
      // Threads that wait by spinning take the processor from whatever else runs, this process's own JavaScript included.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
      ...(externalData.length > 0 ? { externalData } : {}),
      ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
    }).catch((error: unknown) => {
      throw provider === 'cpu' ? error : providerFailed(provider, error);
    });
    return new Session(session, fed);
  }

  /** Runs the graph. `into` names outputs whose memory is given; they are written in place. */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    into: Readonly<Record<string, Tensor | null>>,
  ): Promise<Record<string, Tensor>> {
    return this.#session.run({ ...this.#fed, ...feeds }, into) as Promise<Record<string, Tensor>>;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Ends ONNX Runtime's profile, if one was asked for. */
  endProfiling(): void {
    this.#session.endProfiling();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** Runs something small. Errors: `resource` if the provider is not there or does not start. */
export async function tryProvider(provider: Provider): Promise<void> {
  await using session = await Session.create(probe(), new Map(), { placement: 'fed', provider });
  const result = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2), [1, 2]) }, { y: null });
  const [value] = result['y']!.data as Float32Array;
  if (value !== 5) throw providerFailed(provider, new Error(`it computes ${value} for 5`));
}
