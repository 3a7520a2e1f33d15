import type { ProcessEntity } from '../../engine/process.entity.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

export class ProcessResponse {
  id: string;
  /** `all`, or of `api`, `worker` and `gateway`, by comma. */
  role: string;
  version: string;
  @ApiTime()
  since: string;
  /** Name of its machine. */
  host: string;
  /** Operations that it runs; up to 10 s old. */
  @ApiInteger()
  running: number;
  /** Operations that it may run at once; 0 where it is no worker. */
  @ApiInteger()
  capacity: number;
  /** Operation types that it runs; none where it is no worker. */
  handlers: string[];

  static from(process: ProcessEntity): ProcessResponse {
    const { id, roles, version, startedAt, host, running, capacity, handlers } = process;
    const role = roles.length === 3 ? 'all' : roles.join(',');
    return { id, role, version, since: startedAt.toISOString(), host, running, capacity, handlers };
  }
}
