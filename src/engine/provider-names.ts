/** Names of ONNX Runtime's execution providers that a configuration may ask for. */
export const PROVIDERS = ['cpu', 'cuda', 'coreml', 'dml', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];
