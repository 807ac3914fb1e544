/** Where a request comes from: the connection's address, or, of a proxy that is named, what it says in X-Forwarded-For. */
import { BlockList, isIP } from 'node:net';
import { TemperError } from '../core/errors.ts';

/** `::ffff:10.0.0.1` is 10.0.0.1. */
const plain = (address: string): string => address.trim().replace(/^::ffff:(?=\d+\.)/i, '');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

export class Proxies {
  readonly #trusted = new BlockList();

  /** `named`: addresses, or networks as 10.0.0.0/8. Errors: `usage`. */
  constructor(named: readonly string[] = []) {
    for (const each of named) {
      const [address = '', bits = isIP(address) === 6 ? '128' : '32', ...rest] = each.split('/');
      try {
        if (isIP(address) === 0 || !/^\d+$/.test(bits) || rest.length > 0) throw new Error('not an address');
        this.#trusted.addSubnet(address, Number(bits), familyOf(address));
      } catch (cause) {
        throw new TemperError('usage', `'${each}' is no address and no network`, {
          hint: 'Name a proxy as 127.0.0.1, or where it may be as 10.0.0.0/8.',
          cause,
        });
      }
    }
  }

  #trusts(address: string): boolean {
    return isIP(address) !== 0 && this.#trusted.check(address, familyOf(address));
  }

  /** From the right, each proxy told who asked it: the first that is not trusted is as far as anything is known. */
  clientOf(peer: string, forwarded = ''): string {
    let known = plain(peer);
    for (const said of forwarded.split(',').map(plain).reverse()) {
      if (!this.#trusts(known) || isIP(said) === 0) break;
      known = said;
    }
    return known;
  }
}
