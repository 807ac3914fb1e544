/** Keys and pastes at the password prompt. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { type Terminal, Unseen } from './password.ts';

function terminal() {
  const said: string[] = [];
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) });
  const own: Terminal = {
    input: input as unknown as Terminal['input'],
    say: (text) => said.push(text),
  };
  return { input, said, raw, unseen: new Unseen(own) };
}

test('a line is read unseen; keys that are no characters are none of it', async () => {
  const { input, said, raw, unseen } = terminal();
  const line = unseen.line('password: ');
  for (const part of ['a\u001B[Db', 'x\u007F', 'é😀\u007F', '\u001B[200~c d\u001B[201~', '\r'])
    input.write(part);
  expect(await line).toBe('abéc d');
  expect(said).toEqual(['password: ', '\n']);
  expect(raw).toEqual([true, false]);
});

test('two lines that are pasted at once are two; Ctrl-U begins anew', async () => {
  const { input, unseen } = terminal();
  const first = unseen.line('1');
  input.write('wrong\u0015one two\rone two\r');
  expect(await first).toBe('one two');
  expect(await unseen.line('2')).toBe('one two');
});

test.each(['abc\u0003', '\u0004'])(
  'Ctrl-C and Ctrl-D stop it, and the terminal is as before',
  async (keys) => {
    const { input, raw, unseen } = terminal();
    const line = unseen.line('1');
    input.write(keys);
    await expect(line).rejects.toMatchObject({ code: 'interrupted' });
    expect(raw.at(-1)).toBe(false);
  },
);
