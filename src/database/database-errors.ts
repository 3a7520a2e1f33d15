/** PostgreSQL's SQLSTATE of an error, also when TypeORM has wrapped it. Each has a digit; the system's own codes, such as EPIPE and EPERM, have none. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
  const state = driverError?.code ?? code;
  return typeof state === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(state) ? state : undefined;
}

/** The statement failed because of the data of some row (class 22 data exception, 23 integrity). */
export function isRowFault(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

/** The transaction was chosen as a victim and may be repeated as it is (40001, 40P01). */
export function isDeadlock(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40P01' || state === '40001';
}

/** A statement that was prepared answers other columns now, as its function was replaced (0A000); the connection prepares no more. */
export function isStalePlan(error: unknown): boolean {
  return sqlState(error) === '0A000';
}

/** A row's number is beyond all partitions that there are (23514, which of a CHECK names its constraint). */
export function isMissingPartition(error: unknown): boolean {
  return sqlState(error) === '23514' && (error as { constraint?: unknown }).constraint === undefined;
}

/** PostgreSQL cannot be reached or cannot commit now; what was asked may or may not have happened. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  readonly code = 'database-unavailable';

  constructor(cause: unknown) {
    super('PostgreSQL cannot be reached or cannot commit now; try again in a moment', { cause });
  }
}

/** The server has no room: connections, memory or disk (class 53). */
export function isFull(error: unknown): boolean {
  return sqlState(error)?.startsWith('53') ?? false;
}

/** The server was asked to write while it takes no writes (25006): it is a standby, or was made read-only. */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === '25006';
}

/** A server that takes no writes is of no use, as if it were away; `code` is the SQLSTATE where it refused to let us in. */
export class NotWritableError extends Error {
  override readonly name = 'NotWritableError';

  constructor(
    message: string,
    readonly code?: string,
  ) {
    super(message);
  }
}

/**
 * Of classes 08 (connection), 53 (resources) and 57 (operator intervention: shutdown, crash, a statement's time limit); 55P03, a lock
 * could not be had; 25006, a read-only standby; 25P03 and 25P04, a transaction was ended because it stood still, or for its time.
 */
const OUTAGE = /^(08|53|57|55P03|25006|25P0[34])/;

/**
 * What a failed statement's error means: an outage, or a fault of the statement itself. An error without SQLSTATE is an outage, since
 * the server never judged the statement. What goes wrong while connecting is one whatever its SQLSTATE, and doesn't come here.
 */
export function asDatabaseError(error: unknown): unknown {
  const state = sqlState(error);
  return state === undefined || OUTAGE.test(state) ? new DatabaseUnavailableError(error) : error;
}

/** Why no server takes writes, where that is what an outage is about; else undefined. */
export function whyNotWritable(error: unknown): string | undefined {
  const { cause } = error as { cause?: unknown };
  if (error instanceof DatabaseUnavailableError) return whyNotWritable(cause);
  return error instanceof NotWritableError ? error.message : undefined;
}

/** What an error says, also where an outage or several addresses stand around it. */
export function messageOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (error instanceof DatabaseUnavailableError) return messageOf(cause);
  // Of several addresses that were tried, the first one says enough.
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
