import { connect } from 'node:net';
import type { EgressConfig } from '../config/config.js';
import { messageOf } from '../database/database-errors.js';
import { EgressProxy } from '../egress/egress-proxy.js';
import { type Check, green, red } from './finding.js';
import type { Surroundings } from './surroundings.js';

/** How long the proxy may take to be connected to, ms. */
const CONNECT_MS = 2_000;

/** The proxy through which callbacks leave, where there is one. */
export const proxy: Check<Surroundings> = {
  name: 'proxy',
  run: async ({ config: { egress } }) => {
    if (egress.proxy === undefined) return [];
    const fault = await proxyFault(egress);
    return [fault === null ? green(`${shown(egress.proxy)} can be connected to`) : red(fault)];
  },
};

/** Why the proxy can't be used, and the remedy; null where there is none, or it can be connected to. */
export async function proxyFault({ proxy: given }: EgressConfig): Promise<string | null> {
  if (given === undefined) return null;
  const { hostname, port } = new URL(given);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(CONNECT_MS, () => reject(new Error('no answer')));
      socket.once('connect', resolve).once('error', reject);
    });
    return null;
  } catch (error) {
    return `no callback can leave: the proxy ${shown(given)} cannot be reached (${messageOf(error)}); start it, or mend RINGBACK_EGRESS_PROXY`;
  } finally {
    socket.destroy();
  }
}

/** Without its credentials. */
function shown(url: string): string {
  return new EgressProxy(url, false).shown;
}
