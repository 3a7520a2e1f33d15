/** A column of a table whose rows are multiplied. */
export interface Column {
  readonly name: string;
  readonly type: string;
  /** Different values, and some of them, where the type is one that ids have. */
  readonly different: number;
  readonly examples: readonly string[];
  /** Whether a unique index has it. */
  readonly unique: boolean;
}

/** A table that operations have filled. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
}

const ID_NAME = /(^|_)(r?id|seq|home)$/;
/** UUIDs of version 7 begin with the time, so that new ones stand beside each other in an index. */
const TIME_FIRST = /^[0-9a-f]{8}-?[0-9a-f]{4}-?7/;
const DASHED = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Whether each operation has values of its own here, so that copies need other ones: named like an id or part of a unique key,
 * and nearly as many different values as operations. What all operations share, such as the account's id, stays as it is.
 */
export function isOwn({ name, unique, different }: Column, operations: number): boolean {
  return (unique || ID_NAME.test(name)) && different >= operations / 2;
}

/**
 * The statement that adds copies `$1` to `$2` of a table's rows, which `sample_<table>` holds. The same value becomes the same
 * other value in every table, so that copies belong together as the originals do: numbers move up by `span` a copy, texts and
 * UUIDs become digests of the same form, as random, or as ordered by time, as the originals are.
 */
export function multiplied({ name, columns }: Table, operations: number, span: number): string {
  const values = columns.map((column) =>
    isOwn(column, operations) ? copyOf(column, span) : `s."${column.name}"`,
  );
  return `INSERT INTO ${name} (${columns.map((column) => `"${column.name}"`).join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${values.join(', ')}
    FROM generate_series($1::bigint, $2::bigint) k, LATERAL (SELECT * FROM sample_${name} OFFSET 0) s`;
}

function copyOf({ name, type, examples }: Column, span: number): string {
  const value = `s."${name}"`;
  if (type === 'bigint') return `${value} + k * ${span}`;
  const kept = keptOf(examples);
  const digest = `md5(${value}::text || ' ' || k)`;
  if (type === 'uuid' || examples.every((example) => DASHED.test(example)))
    return `overlay(${digest}::uuid::text PLACING left(${value}::text, ${kept}) FROM 1)::${type}`;
  return `left(${value}, ${kept}) || substr(${digest} || md5('-' || ${digest}), 1, length(${value}) - ${kept})`;
}

/** Characters at the beginning that copies share with the original: a prefix up to `_`, and the time of an id that has one. */
function keptOf(examples: readonly string[]): number {
  const prefix = /^.*_/.exec(examples[0] ?? '')?.[0] ?? '';
  if (!examples.every((example) => example.startsWith(prefix))) return 0;
  const times = examples.map((example) => TIME_FIRST.exec(example.slice(prefix.length))?.[0].length ?? 0);
  return prefix.length + (times.length > 0 ? Math.min(...times) : 0);
}
