/** Where sealed values are, and what each is bound to. SQL is about a row `t`. */
export interface SealedColumn<Name extends string = SealedColumnName> {
  readonly table: string;
  /** Its key, in whose order the rows are walked. */
  readonly key: string;
  readonly keyType: 'text' | 'bigint';
  /** As a `SecretPlace` names it. */
  readonly column: Name;
  /** The row that a `SecretPlace` names. */
  readonly row: string;
  /** The column that holds it. */
  readonly held: string;
  /** The sealed value where that is a part of the column; null where the row has none. */
  readonly sealed?: string;
  /** The rows that have such values, where others are in the table, too; with it, `key` tells them apart. */
  readonly among?: string;
}

const OPERATION = { table: 'operation', key: 'request_id', keyType: 'bigint' } as const;
const ENDPOINT = { table: 'endpoint', key: 'id', keyType: 'text', row: 't.id' } as const;
const MESSAGE_KEY = {
  table: 'message_key',
  key: 'account_id',
  keyType: 'text',
  row: 't.account_id',
} as const;

/** In this order: what an operation owes is made of the operation, so deliveries come after. */
const COLUMNS = [
  { table: 'signing_secret', key: 'id', keyType: 'text', row: 't.id', column: 'secret', held: 'secret' },
  { ...ENDPOINT, column: 'endpoint_headers', held: 'headers' },
  { ...ENDPOINT, column: 'client_certificate', held: 'client_certificate' },
  {
    ...{ table: 'schedule', key: 'id', keyType: 'text' as const },
    row: 't.id',
    column: 'scheduled_operation',
    held: 'operation',
  },
  {
    ...OPERATION,
    row: 't.rid',
    column: 'callback_headers',
    held: 'callback_headers',
  },
  {
    // The last member of an input, as SealedInputs puts it there. (PostgreSQL's own functions refuse JSON with a NUL anywhere.)
    ...OPERATION,
    row: 't.rid',
    column: 'input',
    held: 'input',
    sealed: `(SELECT left(part, -2) FROM split_part(t.input, '"$sealed":"', -1) AS part
              WHERE part LIKE 'v1.%"}' AND strpos(part, '"') = length(part) - 1)`,
  },
  {
    // Of the gateway, bound to the input itself: a rerun has a copy of it.
    ...OPERATION,
    row: `substring(t.input from '"seal":"([0-9a-f]{32})"')`,
    column: 'upstream_request',
    held: 'input',
    sealed: `CASE t.face WHEN 'bgrs' THEN substring(t.input from '"sealed":"(v1\\.[^"]+)"') END`,
  },
  {
    ...{ table: 'completion', key: 'token_hash', keyType: 'text' as const },
    row: 't.operation_rid',
    column: 'completion_verify',
    held: 'verify',
  },
  {
    ...{ table: 'delivery', key: 'home', keyType: 'bigint' as const },
    among: `t.destination = 'callback'`,
    row: 't.operation_rid',
    column: 'callback_headers',
    held: 'headers',
  },
  {
    ...{ table: 'live_poll', key: 'request_id', keyType: 'bigint' as const },
    row: 't.rid',
    column: 'poll_target',
    held: 'target',
  },
  { ...MESSAGE_KEY, column: 'message_key', held: 'current_key' },
  { ...MESSAGE_KEY, column: 'next_message_key', held: 'next_key' },
  // What a version adds stands last: how far sealing anew has come is a place in this list.
  {
    ...{ table: 'url_group', key: 'id', keyType: 'text' as const },
    row: 't.id',
    column: 'url_group_endpoints',
    held: 'endpoints',
  },
] as const satisfies readonly SealedColumn<string>[];

/** What a secret can be sealed for: nothing that sealing anew doesn't know. */
export type SealedColumnName = (typeof COLUMNS)[number]['column'];

/** Everything that is sealed in the database, which sealing anew walks over. */
export const SEALED_COLUMNS: readonly SealedColumn[] = COLUMNS;
