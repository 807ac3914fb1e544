/** Models by `provider:model`. A new provider is one entry here; what surrounds its calls is in calling.ts. */
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { contentHash } from '../core/ids.ts';
import { TemperError } from '../core/errors.ts';
import { commandIdentity, CommandModel } from './command.ts';
import { HttpClient, type HttpLimits, MAX_RESPONSE_BYTES } from './http.ts';
import { HttpModel } from './http-model.ts';
import { OpenAICompatibleModel } from './openai-compatible.ts';
import { HOSTED, openHosted } from './providers.ts';
import { EmbeddingsModel } from './embeddings.ts';
import type { Secrets } from './secrets.ts';
import type { CallSettings, CommandSettings, Connection, HttpSettings } from './settings.ts';
import { type ModelSpec, parseSpec } from './spec.ts';

/** An opened model, bare: no cache, no limit, no retries around it. */
export interface OpenedModel extends Disposable {
  readonly model: LanguageModelV4;
  /** Names under which a provider of the AI SDK takes `options`; the others have put them into the request. */
  readonly optionNames: readonly string[];
}

interface Tools {
  readonly connection: Connection;
  readonly secrets: Secrets;
  readonly limits: HttpLimits;
}

interface Provider {
  readonly description: string;
  open(spec: ModelSpec, tools: Tools): OpenedModel | Promise<OpenedModel>;
}

/** Headers with what stands in the environment. */
function headersOf({ headers = {} }: Connection, secrets: Secrets): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? value : secrets.require(value, `the header ${name}`),
    ]),
  );
}

function bearer({ apiKey }: Connection, secrets: Secrets): Record<string, string> {
  return apiKey === undefined
    ? {}
    : { authorization: secrets.require({ prefix: 'Bearer ', ...apiKey }, 'target.apiKey') };
}

/** Servers that speak OpenAI's chat completions, and where they listen unless told otherwise. */
export const COMPATIBLE: Readonly<
  Record<string, { description: string; address?: string; jsonBySchema?: boolean }>
> = {
  'openai-compatible': { description: "any server with OpenAI's chat completions; needs an address" },
  vllm: { description: 'vLLM', address: 'http://localhost:8000/v1' },
  sglang: { description: 'SGLang', address: 'http://localhost:30000/v1' },
  ollama: { description: 'Ollama', address: 'http://localhost:11434/v1' },
  // Refuses `json_object` (lmstudio-bug-tracker, issue 189).
  lmstudio: { description: 'LM Studio', address: 'http://localhost:1234/v1', jsonBySchema: true },
  'llama-server': { description: "llama.cpp's server", address: 'http://localhost:8080/v1' },
};

/** An opened model that calls one address. */
function overHttp(
  baseUrl: string,
  { connection, secrets, limits }: Tools,
  make: (client: HttpClient, headers: Record<string, string>) => LanguageModelV4,
): OpenedModel {
  const client = new HttpClient([new URL(baseUrl).host], limits);
  const headers = { ...bearer(connection, secrets), ...headersOf(connection, secrets) };
  return { model: make(client, headers), optionNames: [], [Symbol.dispose]: () => client[Symbol.dispose]() };
}

const compatible = Object.entries(COMPATIBLE).map(
  ([name, { description, address, jsonBySchema }]): [string, Provider] => [
    name,
    {
      description:
        address === undefined ? description : `${description}, at ${address} unless told otherwise`,
      open({ model: modelId }, tools) {
        const baseUrl = (tools.connection.baseUrl ?? address) as string;
        const { options } = tools.connection;
        return overHttp(
          baseUrl,
          tools,
          (client, headers) =>
            new OpenAICompatibleModel({ modelId, baseUrl, headers, options, jsonBySchema, client }),
        );
      },
    },
  ],
);

const OWN: Readonly<Record<string, Provider>> = {
  ...Object.fromEntries(compatible),
  http: {
    description: 'any HTTP service, by a request template (target.http)',
    open({ model: modelId }, tools) {
      const baseUrl = tools.connection.baseUrl as string;
      const settings = tools.connection.http as HttpSettings;
      return overHttp(
        baseUrl,
        tools,
        (client, headers) => new HttpModel({ modelId, url: baseUrl, headers, settings, client }),
      );
    },
  },
  command: {
    description: 'a local program (target.command)',
    open({ model: modelId }, { connection, secrets, limits }) {
      const settings = connection.command as CommandSettings;
      const environment = secrets.forProgram(settings.env);
      const model = new CommandModel({ modelId, settings, environment, limits });
      return { model, optionNames: [], [Symbol.dispose]: () => {} };
    },
  },
};
export const OWN_PROVIDERS: readonly string[] = Object.keys(OWN);

const hosted = Object.entries(HOSTED).map(([name, provider]): [string, Provider] => [
  name,
  {
    description: `${provider.description} (package ${provider.package}, key in ${provider.key})`,
    async open({ model }, { connection, secrets, limits }) {
      const baseURL = connection.baseUrl ?? provider.address(connection);
      const client = new HttpClient([new URL(baseURL).host], limits);
      const settings = { baseURL, headers: headersOf(connection, secrets), fetch: client.fetch };
      return {
        model: await openHosted(name, provider, model, { connection, secrets, settings }),
        optionNames: provider.options,
        [Symbol.dispose]: () => client[Symbol.dispose](),
      };
    },
  },
]);

/** All providers but the embedded engine, which is not reached by calls. */
export const PROVIDERS: Readonly<Record<string, Provider>> = { ...OWN, ...Object.fromEntries(hosted) };

/** The model's specification with its address, wherever the configuration has it. */
export function specOf(connection: Connection): ModelSpec {
  const spec = parseSpec(connection.model);
  const baseUrl = spec.baseUrl ?? connection.baseUrl;
  return { ...spec, ...(baseUrl === undefined ? {} : { baseUrl }) };
}

/**
 * Opens a model whose connection has no problems (problems.ts). Errors: `config` for a key that is not set; `model` for
 * a missing package.
 */
export async function openModel(
  connection: Connection,
  secrets: Secrets,
  calls: Pick<CallSettings, 'firstByteSeconds' | 'totalSeconds'>,
  /** Whether it gives vectors: see embeddings.ts. */
  embeddings = false,
): Promise<OpenedModel> {
  const spec = specOf(connection);
  const limits = {
    silenceMs: calls.firstByteSeconds * 1000,
    totalMs: calls.totalSeconds * 1000,
    maxBytes: MAX_RESPONSE_BYTES,
  };
  const at = spec.baseUrl === undefined ? {} : { baseUrl: spec.baseUrl };
  if (embeddings) return openEmbeddings(spec, { connection: { ...connection, ...at }, secrets, limits });
  const provider = PROVIDERS[spec.provider] as Provider;
  return await provider.open(spec, { connection: { ...connection, ...at }, secrets, limits });
}

/** Errors: `config` for a provider that temper has no embeddings from. */
function openEmbeddings({ provider, model: modelId }: ModelSpec, tools: Tools): OpenedModel {
  const server = Object.hasOwn(COMPATIBLE, provider) ? COMPATIBLE[provider] : undefined;
  const baseUrl = tools.connection.baseUrl ?? server?.address;
  if (!server || baseUrl === undefined)
    throw new TemperError('config', `embeddings: temper has none from the provider ${provider}`, {
      hint: `Name a server with OpenAI's /v1/embeddings: ${Object.keys(COMPATIBLE).join(', ')}.`,
    });
  const { options } = tools.connection;
  return overHttp(
    baseUrl,
    tools,
    (client, headers) => new EmbeddingsModel({ modelId, baseUrl, headers, options, client }),
  );
}

/**
 * What stands for a model in the identity of a target: all that shapes its answers, and no key. `path`: where programs
 * are looked for.
 */
export function modelIdentity(connection: Connection, path = ''): string {
  const { provider, model, baseUrl } = specOf(connection);
  const { apiKey: _apiKey, price: _price, model: _model, ...rest } = connection;
  const { command: settings } = connection;
  const command = settings && commandIdentity(settings, path);
  return `${provider}:${model}@${contentHash({ ...rest, command, baseUrl })}`;
}
