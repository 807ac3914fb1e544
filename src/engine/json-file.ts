/** JSON files of a model folder. */
import { existsSync, readFileSync } from 'node:fs';
import { errorMessage, TemperError } from '../core/errors.ts';
import type { Values } from './settings.ts';

/** A JSON file with a record in it; null if there is none and it may be missing. */
export function readJson(path: string, optional: true): Values | null;
export function readJson(path: string): Values;
export function readJson(path: string, optional = false): Values | null {
  if (optional && !existsSync(path)) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new TemperError('model', `cannot read ${path}: ${errorMessage(cause)}`, {
      hint: 'A model folder needs config.json, safetensors and tokenizer.json; fetch it again.',
      cause,
    });
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Values;
  throw new TemperError('model', `${path}: its content is not a record`);
}
