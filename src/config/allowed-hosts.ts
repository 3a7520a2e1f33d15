import { isIP } from 'node:net';
import { bareHost, HOST_NAME } from './host-patterns.js';
import { say, SettingError, type Words } from './settings.js';

/** `RINGBACK_ALLOWED_HOSTS` cannot be read; the message names the entry and the remedy. */
export class AllowedHostsError extends SettingError {
  override readonly name = 'AllowedHostsError';
  readonly code = 'malformed_allowed_hosts';
}

interface AllowedHost {
  /** In lower case. */
  readonly name: string;
  /** Every name below `name`, and not `name` itself. */
  readonly below: boolean;
  /** null: every port. */
  readonly port: number | null;
}

/** The internal names (and ports) an operator opened. */
export class AllowedHosts {
  /** Opens nothing. */
  static readonly none = new AllowedHosts([]);

  constructor(private readonly entries: readonly AllowedHost[]) {}

  /** Tells whether an entry names this host and this port; an address is named by none. */
  allows(host: string, port: number): boolean {
    if (this.entries.length === 0 || isIP(host) !== 0) return false;
    const name = host.toLowerCase();
    return this.entries.some(
      (entry) =>
        (entry.port === null || entry.port === port) &&
        (entry.below ? name.endsWith(`.${entry.name}`) : name === entry.name),
    );
  }
}

/** Reads `name[:port],*.name[:port],…`, as in `receiver:5001,*.svc.cluster.local`. */
export function parseAllowedHosts(text: string): AllowedHosts {
  const entries = text.split(',').map((entry) => entry.trim());
  return new AllowedHosts(entries.filter((entry) => entry !== '').map(parseEntry));
}

function parseEntry(text: string): AllowedHost {
  const [, star, given = '', port] = /^(\*\.)?([^:/@?#*[\]]+)(?::(\d+))?$/.exec(text) ?? [];
  // As a URL has it: lower case, and names of other scripts in ASCII.
  const url = URL.parse(`http://${given}/`);
  const name = url === null ? '' : bareHost(url);
  if (isIP(name) !== 0)
    throw malformed(text, (named) => `an address belongs in ${named('RINGBACK_ALLOWED_PRIVATE')}`);
  if (!HOST_NAME.test(name)) throw malformed(text, 'write receiver:5001, nas.local or *.svc.cluster.local');
  const number = port === undefined ? null : Number(port);
  if (number !== null && (port!.length > 5 || number < 1 || number > 65_535))
    throw malformed(text, 'a port is 1 to 65535');
  return { name, below: star !== undefined, port: number };
}

function malformed(entry: string, remedy: Words): AllowedHostsError {
  return new AllowedHostsError((named) => `"${entry}" is no host: ${say(remedy, named)}`);
}
