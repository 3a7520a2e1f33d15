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
  /** The sealed value; null where the row has none. */
  readonly sealed: string;
  /** Puts `v.fresh` in the place of `v.sealed`. */
  readonly set: string;
  /** Rows that may be sealed anew now; all of them where it isn't there. */
  readonly when?: string;
}

const OPERATION = { table: 'operation', key: 'request_id', keyType: 'bigint' } as const;
const ENDPOINT = { table: 'endpoint', key: 'id', keyType: 'text', row: 't.id' } as const;
/** A sealed value inside of JSON; PostgreSQL's own functions refuse a document that has a NUL anywhere. */
const VALUE = String.raw`(v1\.[\w-]+\.[\w-]+\.[\w-]*\.[\w-]+)`;
const INPUT = 'input = replace(t.input, v.sealed, v.fresh)';

/** In this order: what an operation owes is made of the operation, so deliveries come after. */
const COLUMNS = [
  {
    ...{ table: 'signing_secret', key: 'id', keyType: 'text' as const, row: 't.id' },
    column: 'secret',
    ...{ sealed: 't.secret', set: 'secret = v.fresh' },
  },
  { ...ENDPOINT, column: 'endpoint_headers', sealed: 't.headers', set: 'headers = v.fresh' },
  {
    ...ENDPOINT,
    column: 'client_certificate',
    ...{ sealed: 't.client_certificate', set: 'client_certificate = v.fresh' },
  },
  {
    ...OPERATION,
    column: 'callback_headers',
    ...{ row: 't.rid', sealed: 't.callback_headers', set: 'callback_headers = v.fresh' },
    // What an ended run owes is sealed as the run found it: an operation that runs waits for the next walk.
    when: `t.phase IS DISTINCT FROM 'running'`,
  },
  {
    // The last member of an input, as SealedInputs puts it there.
    ...OPERATION,
    column: 'input',
    row: 't.rid',
    sealed: `CASE WHEN strpos(t.input, '"$sealed":"v1.') > 0 THEN substring(t.input from '"\\$sealed":"${VALUE}"\\}$') END`,
    set: INPUT,
  },
  {
    // Of the gateway, bound to the input itself: a rerun has a copy of it.
    ...OPERATION,
    column: 'upstream_request',
    row: `substring(t.input from '"seal":"([0-9a-f]{32})"')`,
    sealed: `CASE WHEN t.face = 'bgrs' THEN substring(t.input from '"sealed":"${VALUE}"') END`,
    set: INPUT,
  },
  {
    ...{ table: 'delivery', key: 'seq', keyType: 'bigint' as const, row: 't.operation_rid' },
    column: 'callback_headers',
    ...{ sealed: 't.headers', set: 'headers = v.fresh' },
  },
] as const satisfies readonly SealedColumn<string>[];

/** What a secret can be sealed for: nothing that sealing anew doesn't know. */
export type SealedColumnName = (typeof COLUMNS)[number]['column'];

/** Everything that is sealed in the database, which sealing anew walks over. */
export const SEALED_COLUMNS: readonly SealedColumn[] = COLUMNS;
