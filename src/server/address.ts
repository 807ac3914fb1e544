/** Under which names this server answers, and from which pages it takes requests. */
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
const WILDCARDS = new Set(['0.0.0.0', '::']);

export const isLoopback = (host: string): boolean =>
  LOOPBACK.includes(host) || host === '::1' || /^127(\.\d+){3}$/.test(host);

const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

/** Names that a listener on `host` is reached by; of all addresses, those of this machine. */
function namesOf(host: string): string[] {
  if (!WILDCARDS.has(host)) return [...LOOPBACK, bracketed(host)];
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return [...LOOPBACK, hostname(), ...own.map(({ address }) => bracketed(address.split('%')[0]!))];
}

export class Address {
  readonly host: string;
  /** As browsers name it, where a proxy with a certificate stands before it. */
  readonly origin: string | null;
  readonly scheme: 'http' | 'https';
  readonly #names: readonly string[];
  /** Known once it listens. */
  port: number;

  constructor({
    host,
    port,
    origin,
    encrypted,
  }: {
    host: string;
    port: number;
    origin: string | null;
    encrypted: boolean;
  }) {
    this.host = host;
    this.port = port;
    this.origin = origin;
    this.scheme = encrypted ? 'https' : 'http';
    this.#names = namesOf(host).map((name) => name.toLowerCase());
  }

  /** Whether all that browsers send is encrypted: the cookie is sent no other way then. */
  get secure(): boolean {
    return this.scheme === 'https' || (this.origin?.startsWith('https:') ?? false);
  }

  get url(): string {
    const host = WILDCARDS.has(this.host) ? hostname() : bracketed(this.host);
    return this.origin ?? `${this.scheme}://${host}:${this.port}`;
  }

  /** Value of the header Host. */
  isOwn(host: string): boolean {
    const asked = host.toLowerCase();
    if (this.origin !== null && asked === new URL(this.origin).host) return true;
    const plain = this.port === (this.scheme === 'https' ? 443 : 80) ? this.#names : [];
    return plain.includes(asked) || this.#names.some((name) => asked === `${name}:${this.port}`);
  }

  /** Value of the header Origin, in a request to `host`. */
  isOwnPage(origin: string, host: string): boolean {
    const proxied = this.origin !== null && host.toLowerCase() === new URL(this.origin).host;
    return origin === this.origin || (!proxied && origin === `${this.scheme}://${host}`);
  }
}
