import { expect, test } from 'vitest';
import { Proxies } from './proxies.ts';

test('what a proxy says is believed of those that are named alone, as far as they are', () => {
  const none = new Proxies();
  expect(none.clientOf('10.0.0.1', '1.2.3.4')).toBe('10.0.0.1');
  const one = new Proxies(['10.0.0.1', 'fd00::/8']);
  expect(one.clientOf('10.0.0.1', '1.2.3.4')).toBe('1.2.3.4');
  expect(one.clientOf('::ffff:10.0.0.1', '1.2.3.4')).toBe('1.2.3.4');
  expect(one.clientOf('10.0.0.2', '1.2.3.4')).toBe('10.0.0.2');
  // A client may send the header itself: the proxy adds to it at the right.
  expect(one.clientOf('10.0.0.1', '9.9.9.9, 1.2.3.4')).toBe('1.2.3.4');
  expect(one.clientOf('10.0.0.1', '9.9.9.9, 1.2.3.4, fd00::7')).toBe('1.2.3.4');
  expect(one.clientOf('10.0.0.1', '1.2.3.4, unknown')).toBe('10.0.0.1');
  expect(one.clientOf('10.0.0.1')).toBe('10.0.0.1');
  expect(one.clientOf('')).toBe('');
});

test.each(['proxy', '10.0.0.0/40', '10.0.0.1/8/8', '10.0.0.1/', ''])('%j is no proxy', (named) => {
  expect(() => new Proxies([named])).toThrow(/no address and no network/);
});
