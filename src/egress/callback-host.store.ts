import { Injectable } from '@nestjs/common';
import { EgressConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';

/** A host name that an account gives. */
export interface GivenHost {
  readonly accountId: string;
  readonly name: string;
}

/** The host names that accounts have used, and how many of them are a minute young. */
@Injectable()
export class CallbackHostStore {
  // One lane: the statement serialises over all processes anyway, and waiting here holds no connection.
  private readonly admissions = new GroupCommit((hosts: GivenHost[]) => this.admitMany(hosts), { lanes: 1 });

  constructor(
    private readonly database: Database,
    private readonly config: EgressConfig,
  ) {}

  /** Remembers the host; null: it may be used. Else the account has used up its new ones: seconds until there is room. */
  admit(host: GivenHost): Promise<number | null> {
    return this.admissions.add(host);
  }

  private async admitMany(hosts: GivenHost[]): Promise<(number | null)[]> {
    const rows = await this.database.query<{ place: number; retry_after_s: number | null }>(
      'SELECT * FROM admit_callback_hosts($1, $2, $3)',
      [hosts.map((host) => host.accountId), hosts.map((host) => host.name), this.config.newHostsPerMinute],
    );
    const answers = new Map(rows.map((row) => [row.place, row.retry_after_s]));
    return hosts.map((_, index) => answers.get(index + 1) ?? null);
  }
}
