/** ONNX Runtime's execution providers: what runs a graph. */
import './no-telemetry.ts'; // before the runtime
import { listSupportedBackends } from 'onnxruntime-node';
import { errorMessage, TemperError } from '../core/errors.ts';
import { Graph } from './graph.ts';
import { type Provider, PROVIDERS } from './provider-names.ts';

/** Where the published packages have a provider. */
const WHERE: Readonly<Record<Provider, string>> = {
  cpu: 'everywhere',
  cuda: 'on Linux x64, once the libraries are there: `npm rebuild onnxruntime-node --ignore-scripts=false` fetches them; CUDA and cuDNN have to be installed',
  coreml: 'on macOS',
  dml: 'on Windows',
  webgpu: 'on Windows, macOS and Linux x64 (there with Vulkan)',
};

/** The providers that this build of ONNX Runtime knows. What a known one needs may still be missing. */
export const knownProviders = (): Provider[] => {
  const names = new Set(listSupportedBackends().map(({ name }) => name));
  return PROVIDERS.filter((provider) => names.has(provider));
};

/** Errors: `resource` if this build lacks the provider: ONNX Runtime itself would quietly take the processor instead. */
export function requireProvider(provider: Provider): void {
  const known = knownProviders();
  if (known.includes(provider)) return;
  throw new TemperError(
    'resource',
    `engine.provider: this build of onnxruntime-node has no ${provider} (it has ${known.join(', ')})`,
    {
      hint: `${provider} is published ${WHERE[provider]}. Set engine.provider to cpu, or train with --backend trl.`,
    },
  );
}

/** What ONNX Runtime says, without where in its sources it says so. */
const reason = (cause: unknown): string =>
  errorMessage(cause)
    .replace(/^.* was false\. /s, '')
    .trim()
    .slice(0, 200);

/** The error for a provider that could not start. */
export const providerFailed = (provider: Provider, cause: unknown): TemperError =>
  new TemperError('resource', `engine.provider: ${provider} does not start: ${reason(cause)}`, {
    hint: `It runs ${WHERE[provider]}. \`temper doctor\` tries it; engine.provider=cpu needs nothing.`,
    cause,
  });

/** A graph that only a provider that runs can compute. */
export function probe(): Graph {
  const graph = new Graph();
  const x = graph.input('x', ['N', 2]);
  graph.output('y', graph.matmul(x, x, { transposeB: true }));
  return graph;
}
