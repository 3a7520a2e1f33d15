import type { SessionHolder } from '../accounts/console-session.store.js';
import type { Scope } from '../accounts/scopes.js';

/** Who has logged in, and what the page may offer. */
export class SessionResponse {
  account: { id: string; name: string };
  key: { id: string; name: string };
  scopes: readonly Scope[];
  /** When the session ends, whatever is done in it (RFC 3339). */
  ends_at: string;
  /** Seconds after which it ends where nothing is asked. */
  idle_s: number;
  /** Whether this service receives callbacks itself, at `/inbox`. */
  inbox: boolean;

  static from(holder: SessionHolder, idleS: number, inbox: boolean): SessionResponse {
    return {
      account: { id: holder.accountId, name: holder.accountName },
      key: { id: holder.keyId, name: holder.keyName },
      scopes: holder.scopes,
      ends_at: holder.endsAt.toISOString(),
      idle_s: idleS,
      inbox,
    };
  }
}
