/** Hosted providers by the AI SDK's packages: optional, loaded when a model of theirs is named. */
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { errorMessage, TemperError } from '../core/errors.ts';
import type { Secrets } from './secrets.ts';
import type { Connection } from './settings.ts';

/** What a package gets; an empty key would make it look for one of its own. */
interface ProviderSettings {
  readonly baseURL: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
}

interface Provider {
  (modelId: string): LanguageModelV4;
  chat?(modelId: string): LanguageModelV4;
}
type Create = (settings: Readonly<Record<string, unknown>>) => Provider;

export interface HostedProvider {
  readonly description: string;
  readonly package: string;
  /** The major version that is tested. */
  readonly version: string;
  /** Name of the function that makes the provider. */
  readonly create: string;
  /** Variable of the key unless `apiKey` names another. */
  readonly key: string;
  /** Names under which it reads its own options. */
  readonly options: readonly string[];
  /** The setting that its address is made of. */
  readonly needs?: 'resource' | 'region';
  /** Where it is called, unless `baseUrl` says otherwise. */
  address(connection: Connection): string;
  /** Settings of its own: credentials, version. */
  credentials(connection: Connection, secrets: Secrets): Readonly<Record<string, unknown>>;
}

/** The key of a provider, named by the configuration or by custom. */
const keyOf = (
  provider: string,
  fallback: string,
  { apiKey }: Connection,
  secrets: Secrets,
): { apiKey: string } => ({
  apiKey: secrets.require(apiKey ?? { env: fallback }, provider),
});

const simple = (
  name: string,
  create: string,
  key: string,
  address: string,
  description: string,
  version = '^4',
): HostedProvider => ({
  description,
  package: `@ai-sdk/${name}`,
  version,
  create,
  key,
  options: [name],
  address: () => address,
  credentials: (connection, secrets) => keyOf(name, key, connection, secrets),
});

export const HOSTED: Readonly<Record<string, HostedProvider>> = {
  openai: simple(
    'openai',
    'createOpenAI',
    'OPENAI_API_KEY',
    'https://api.openai.com/v1',
    'OpenAI, by chat completions',
  ),
  anthropic: simple(
    'anthropic',
    'createAnthropic',
    'ANTHROPIC_API_KEY',
    'https://api.anthropic.com/v1',
    'Anthropic',
  ),
  google: simple(
    'google',
    'createGoogle',
    'GOOGLE_GENERATIVE_AI_API_KEY',
    'https://generativelanguage.googleapis.com/v1beta',
    'Google Gemini',
  ),
  mistral: simple('mistral', 'createMistral', 'MISTRAL_API_KEY', 'https://api.mistral.ai/v1', 'Mistral'),
  azure: {
    description: 'Azure OpenAI; the model is the name of the deployment',
    package: '@ai-sdk/azure',
    version: '^4',
    create: 'createAzure',
    key: 'AZURE_API_KEY',
    options: ['azure', 'openai'],
    needs: 'resource',
    address: ({ resource }) => `https://${resource}.openai.azure.com/openai`,
    // A dated version belongs to the addresses by deployment; without one it is the v1 API.
    credentials: (connection, secrets) => ({
      ...keyOf('azure', 'AZURE_API_KEY', connection, secrets),
      ...(connection.apiVersion === undefined
        ? {}
        : { apiVersion: connection.apiVersion, useDeploymentBasedUrls: true }),
    }),
  },
  bedrock: {
    description: 'Amazon Bedrock',
    package: '@ai-sdk/amazon-bedrock',
    version: '^5',
    create: 'createAmazonBedrock',
    key: 'AWS_BEARER_TOKEN_BEDROCK',
    options: ['bedrock', 'amazonBedrock'],
    needs: 'region',
    address: ({ region }) => `https://bedrock-runtime.${region}.amazonaws.com`,
    credentials(connection, secrets) {
      const region = { region: connection.region ?? 'us-east-1' };
      const bearer = connection.apiKey ? undefined : secrets.optional('AWS_BEARER_TOKEN_BEDROCK');
      if (bearer !== undefined) return { ...region, apiKey: bearer };
      const accessKeyId = connection.apiKey ? undefined : secrets.optional('AWS_ACCESS_KEY_ID');
      if (accessKeyId === undefined)
        return { ...region, ...keyOf('bedrock', 'AWS_BEARER_TOKEN_BEDROCK', connection, secrets) };
      const sessionToken = secrets.optional('AWS_SESSION_TOKEN');
      const secretAccessKey = secrets.require({ env: 'AWS_SECRET_ACCESS_KEY' }, 'bedrock');
      return {
        ...region,
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { sessionToken }),
      };
    },
  },
};

/** The model of a hosted provider. Errors: `model` with the install line if its package is missing; `config` without a key. */
export async function openHosted(
  name: string,
  provider: HostedProvider,
  modelId: string,
  { connection, secrets, settings }: { connection: Connection; secrets: Secrets; settings: ProviderSettings },
): Promise<LanguageModelV4> {
  const module = await load(name, provider);
  const create = module[provider.create] as Create;
  const made = create({ ...settings, ...provider.credentials(connection, secrets) });
  return made.chat ? made.chat(modelId) : made(modelId);
}

async function load(name: string, provider: HostedProvider): Promise<Record<string, unknown>> {
  try {
    return (await import(provider.package)) as Record<string, unknown>;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing
      ? 'which is not installed'
      : `which cannot be loaded: ${errorMessage(cause).split('\n')[0]}`;
    throw new TemperError('model', `models of ${name} need the package ${provider.package}, ${why}`, {
      hint: `npm install ${provider.package}@${provider.version}`,
      cause,
    });
  }
}
