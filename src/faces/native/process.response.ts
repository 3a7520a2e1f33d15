import type { ProcessEntity } from '../../engine/process.entity.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

export class ProcessResponse {
  id: string;
  /** `all`, or of `api`, `worker` and `gateway`, by comma; `remote` of a worker that asks for work over HTTP. */
  role: string;
  /** Empty of a remote worker. */
  version: string;
  @ApiTime()
  since: string;
  /** When it was last seen: it says so every 10 s. */
  @ApiTime()
  last_seen_at: string;
  /** Name of its machine; of a remote worker its own name. */
  host: string;
  /** Operations that it runs, up to 10 s old; the leases of a remote worker. */
  @ApiInteger()
  running: number;
  /** Operations that it may run at once, or, of a remote worker, has asked for at once; 0 where it is no worker. */
  @ApiInteger()
  capacity: number;
  /** Operation types that it runs; none where it is no worker. */
  handlers: string[];

  static from(process: ProcessEntity): ProcessResponse {
    const { id, roles, version, startedAt, seenAt, host, running, capacity, handlers } = process;
    const role = roles.length === 3 ? 'all' : roles.join(',');
    const since = startedAt.toISOString();
    const last_seen_at = seenAt.toISOString();
    return { id, role, version, since, last_seen_at, host, running, capacity, handlers };
  }
}
