/** A campaign in another language: what is asked, who may judge it, and that nothing learns from it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { campaignText } from '../../src/cli/campaign-text.ts';
import { type Config, configSchema } from '../../src/config/config.ts';
import { searchCampaign } from '../../src/loop/campaign.ts';
import { registerData } from '../../src/loop/register-data.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { completion, json, LocalServer } from '../models/server.ts';

interface Body {
  readonly model: string;
  readonly messages: { readonly content: string }[];
}

const settings = {
  budget: 12,
  tries: 1,
  techniques: ['plain', 'role-play'],
  split: 'dev',
  language: 'de',
} as const;

/** Letters moved by 13 are German here; moved again they are English. The last message that the target heard is kept. */
async function withModels(work: (config: (judge: string) => Config, heard: string[]) => Promise<void>) {
  const heard: string[] = [];
  await using server = await LocalServer.start((response, { body }) => {
    const { model, messages } = JSON.parse(body) as Body;
    const last = messages.at(-1)!.content;
    if (model === 'translator') {
      const { text } = JSON.parse(last.split('\n')[1]!) as { text: string };
      const moved = text.replace(/[a-z]/gi, (c) =>
        String.fromCharCode(c.charCodeAt(0) + (c.toLowerCase() < 'n' ? 13 : -13)),
      );
      json(response, completion(JSON.stringify({ translation: moved })));
    } else if (model === 'grader') {
      const refusal = messages[0]!.content.includes('none');
      json(response, completion(JSON.stringify({ reasons: 'r', grade: refusal ? 'none' : 5 })));
    } else {
      heard.push(last);
      json(response, completion('Zuerst nimmst du den Schlüssel.'));
    }
  });
  const at = (model: string): string => `openai-compatible:${model}@${server.url}/v1`;
  const directory = mkdtempSync(join(tmpdir(), 'temper-language-'));
  await work(
    (judge) =>
      configSchema.parse({
        directory,
        target: { model: at('m') },
        translator: at('translator'),
        judge: judge === 'embedded' ? judge : `rubric:${at(judge)}`,
      }),
    heard,
  );
}

test(
  'requests go out translated, coverage says so, and their findings feed no round',
  () =>
    withModels(async (configOf, heard) => {
      const config = configOf('grader');
      const result = await searchCampaign(config, settings);
      expect(result.attempts).toBeGreaterThan(3);
      expect(heard).toHaveLength(result.queries);
      expect(new Set(result.coverage.map(({ language }) => language))).toEqual(new Set(['de']));
      expect(result.coverage.map(({ technique }) => technique)).toContain('role-play');
      expect(campaignText(result, 3, 'dev')).toContain('Coverage, German:');
      expect(result.findings.length).toBeGreaterThan(0);
      await using store = openSqlite(join(config.directory, 'store.sqlite'));
      for (const { conversation } of result.findings) {
        const stored = (await store.conversation(conversation))!;
        expect(stored.scenario.language).toBe('de');
        expect(stored.scenario.objective).not.toMatch(/\b(?:the|to|a|of)\b/i);
        // The attack's own words are English.
        expect(heard.some((message) => message.includes(stored.scenario.objective))).toBe(true);
      }
      const entries = await Array.fromAsync(store.register());
      expect(entries).toHaveLength(result.findings.length);
      await store.changeFindings(
        new Map(entries.map(({ finding }) => [finding.id, { status: 'confirmed' }])),
      );
      const none = { scenarios: new Set<string>(), findings: new Set<string>() };
      const { findings, passedOver } = await registerData(store, none, () => true);
      expect(findings).toEqual([]);
      expect(passedOver).toEqual({ 'in another language, in which no decline is written': entries.length });
    }),
  120_000,
);

test(
  'a judge that cannot read it is refused before anything is asked',
  () =>
    withModels(async (configOf, heard) => {
      await expect(searchCampaign(configOf('embedded'), settings)).rejects.toMatchObject({
        code: 'usage',
        message: 'the embedded judge reads English, and the answers may be German',
      });
      expect(heard).toEqual([]);
    }),
  120_000,
);
