import { lookup, Resolver } from 'node:dns/promises';
import { DnsError, DnsTimeoutError } from './egress-error.js';

/** The part of `node:dns/promises`' Resolver that is used, so that a test can answer in its place. */
export interface AddressResolver {
  resolve4(hostname: string): Promise<string[]>;
  resolve6(hostname: string): Promise<string[]>;
}

/** Who is asked, and how long an answer may take. */
export interface NameResolverOptions {
  /** DNS by c-ares unless given. */
  resolver?: AddressResolver | undefined;
  /** As this machine does it, hosts file and search domains included, unless given. */
  resolveAsMachine?: ((hostname: string) => Promise<string[]>) | undefined;
  /** 2,500 unless given. */
  dnsTimeoutMs?: number | undefined;
}

/** How often a server is asked, or how many are, within the time of one question. */
const DNS_TRIES = 3;

/** DNS that asks again within `timeoutMs`: a lost packet, or a first server that is down, must not use all of it up. */
export function dnsWithin(timeoutMs: number): Resolver {
  return new Resolver({ timeout: Math.ceil(timeoutMs / DNS_TRIES), tries: DNS_TRIES });
}

/** Finds the addresses of names, each within its time; fails with `DnsError` or `DnsTimeoutError`. */
export class NameResolver {
  private readonly dns: AddressResolver;
  private readonly machine: (hostname: string) => Promise<string[]>;
  private readonly timeoutMs: number;
  /** Questions to the machine without an answer yet: each takes one of a few threads, so each name asks once. */
  private readonly asked = new Map<string, Promise<string[]>>();

  constructor(options: NameResolverOptions) {
    this.timeoutMs = options.dnsTimeoutMs ?? 2_500;
    this.dns = options.resolver ?? dnsWithin(this.timeoutMs);
    this.machine = options.resolveAsMachine ?? byMachine;
  }

  /**
   * Asks DNS servers only. The hosts file is left out on purpose: what an operator or a container runtime put there (`db`,
   * `metadata`) is internal by nature, and nobody but the operator may name it.
   */
  byDns(hostname: string): Promise<string[]> {
    return this.addresses([this.dns.resolve4(hostname), this.dns.resolve6(hostname)]);
  }

  /** As any program on this machine would find it: for names that the operator opened. */
  asMachine(hostname: string): Promise<string[]> {
    const asked =
      this.asked.get(hostname) ?? this.machine(hostname).finally(() => this.asked.delete(hostname));
    this.asked.set(hostname, asked);
    return this.addresses([asked]);
  }

  private async addresses(questions: readonly Promise<string[]>[]): Promise<string[]> {
    let timer: NodeJS.Timeout | undefined;
    // c-ares' own timeout is per server and grows: this one is for the whole question.
    const late = new Promise<'late'>((settle) => {
      timer = setTimeout(settle, this.timeoutMs, 'late');
    });
    const results = await Promise.all(questions.map((question) => Promise.race([settled(question), late])));
    clearTimeout(timer);
    // One family that fails or is late doesn't stop the other: an answer that never comes is never dialled.
    const addresses = results.flatMap((result) => (result === 'late' ? [] : result.addresses));
    if (addresses.length > 0) return addresses;
    if (results.includes('late')) throw new DnsTimeoutError();
    const causes = results.flatMap((result) => (result === 'late' ? [] : [result.cause]));
    throw causes.some(isTimeout) ? new DnsTimeoutError() : new DnsError(causes[0]);
  }
}

async function byMachine(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

type Result = { addresses: string[]; cause?: unknown };

async function settled(question: Promise<string[]>): Promise<Result> {
  return question.then(
    (addresses) => ({ addresses }),
    (cause: unknown) => ({ addresses: [], cause }),
  );
}

function isTimeout(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ETIMEOUT' || error.code === 'ETIMEDOUT')
  );
}
