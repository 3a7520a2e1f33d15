import { getServers } from 'node:dns';
import type { EgressConfig } from '../config/config.js';
import { bareHost } from '../config/host-patterns.js';
import { classifyEgressError, explainEgressError, operatorsDetail } from '../egress/egress.js';
import { EgressProxy } from '../egress/egress-proxy.js';
import { ConnectionGuard } from '../egress/guarded-agent.js';
import { guardOptions } from '../egress/guard-options.js';

/** How long a name may take, and a connection, ms: both together less than a check may. */
const DNS_MS = 2_000;
const CONNECT_MS = 2_000;

/** The way that callbacks take, as the settings make it: tries it without sending anything. */
export class WayOut {
  private readonly guard: ConnectionGuard;
  private readonly policy: ReturnType<typeof guardOptions>['policy'];

  constructor(egress: EgressConfig) {
    const proxy = egress.proxy === undefined ? null : new EgressProxy(egress.proxy, egress.proxyResolves);
    const options = guardOptions(egress, proxy, undefined);
    this.policy = options.policy;
    this.guard = new ConnectionGuard({ ...options, dnsTimeoutMs: DNS_MS, connectTimeoutMs: CONNECT_MS });
  }

  /** Why nothing gets to this origin, and the remedy; null where it can be connected to. */
  async fault(origin: string): Promise<string | null> {
    const verdict = this.policy.check(`${origin}/`);
    // Who reads this is the operator.
    if (!verdict.accepted)
      return `it may not be called, ${verdict.fault}: open it by RINGBACK_ALLOWED_PRIVATE, RINGBACK_ALLOWED_HOSTS or RINGBACK_ALLOW_HTTP if it should be`;
    const url = new URL(origin);
    try {
      await this.connect(bareHost(url), Number(url.port || (url.protocol === 'http:' ? 80 : 443)));
      return null;
    } catch (error) {
      return inWords(error, url.hostname);
    }
  }

  private connect(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.guard.connect(
        { host, port },
        ({ socket }) => socket,
        (error, socket) => {
          if (error) return reject(error);
          socket.destroy();
          resolve();
        },
      );
    });
  }
}

function inWords(error: unknown, name: string): string {
  const said = operatorsDetail(error) ?? explainEgressError(error);
  switch (classifyEgressError(error)) {
    case 'dns_error':
    case 'dns_timeout':
      return `DNS fails for ${name} (${said}): look at the name, and at this machine's DNS servers (${getServers().join(', ') || 'none'}); a name that only the hosts file has belongs into RINGBACK_ALLOWED_HOSTS`;
    case 'proxy_error':
      return `the proxy does not let it through (${said}): have it allow the destination, or mend RINGBACK_EGRESS_PROXY`;
    default:
      return `${said}: have its owner start it, or open the way out for this machine (firewall, RINGBACK_EGRESS_PROXY)`;
  }
}
