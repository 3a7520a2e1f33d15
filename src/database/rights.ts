import { SettingError } from '../config/settings.js';
import type { Queryable } from './database.js';
import { messageOf, sqlState } from './database-errors.js';
import { ownRelations } from './own-relations.js';

interface Right {
  readonly name: string;
  readonly missing: readonly string[];
  /** Its owner, as SQL names it. */
  readonly owner: string;
  readonly owned: boolean;
}

/** Whom the connections are of, and where they look for tables; both as SQL names them. */
interface Place {
  readonly schema: string | null;
  readonly path: string;
  readonly role: string;
  readonly makes: boolean | null;
}

/** What the user may do in its schema and with its tables. */
export interface Rights {
  readonly role: string;
  readonly schema: string | null;
  /** In sentences, what it may not, and what grants it. */
  readonly lacking: readonly string[];
}

/** Looks at the rights that the user of a connection has, and lacks. */
export async function rightsOf(database: Queryable): Promise<Rights> {
  const [place] = await database.query<Place>(
    `SELECT quote_ident(current_schema()) AS schema, current_setting('search_path') AS path, quote_ident(current_user) AS role,
       has_schema_privilege(current_schema(), 'CREATE') AS makes`,
  );
  const { schema, path, role, makes } = place!;
  if (schema === null)
    return {
      role,
      schema,
      lacking: [
        `search_path is ${path}, and the user ${role} may use none of these schemas: make the schema, or GRANT USAGE, CREATE ON SCHEMA … TO ${role}`,
      ],
    };
  const relations = await database.query<Right>(RIGHTS, [ownRelations()]);
  const lacking = [
    ...(makes
      ? []
      : [
          `the user ${role} may not make tables in the schema ${schema}: GRANT CREATE ON SCHEMA ${schema} TO ${role}`,
        ]),
    ...unusable(relations, role),
    ...foreign(relations, role),
  ];
  return { role, schema, lacking };
}

/** Of an error at a start: where the user lacks a right, which one and what grants it; any other as it is. */
export async function asMissingRight(error: unknown, database: Queryable): Promise<unknown> {
  // insufficient_privilege, and invalid_schema_name where it may use no schema of the search_path
  if (!['42501', '3F000'].includes(sqlState(error) ?? '')) return error;
  const rights = await rightsOf(database).catch(() => undefined);
  if (rights === undefined) return error;
  const { role, lacking } = rights;
  const why = lacking.length > 0 ? lacking.join('; ') : `the user ${role} lacks a right`;
  // What PostgreSQL says as well: it may be about another right than is known of here.
  return new SettingError((named) => `${named('DATABASE_URL')}: ${why} (${messageOf(error)})`, {
    settings: ['DATABASE_URL'],
  });
}

function unusable(relations: readonly Right[], role: string): string[] {
  const without = relations.filter(({ missing }) => missing.length > 0);
  if (without.length === 0) return [];
  const needed = [...new Set(without.flatMap(({ missing }) => missing))].join(', ');
  const names = without.map(({ name }) => name);
  const shown =
    names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
  return [
    `the user ${role} lacks ${needed} on ${shown}: make it their owner (or a member of it), or GRANT ${needed} ON ${names[0]}, … TO ${role}`,
  ];
}

/** Partitions are made and dropped while the service runs, which only an owner may: without, a later insert finds none. */
function foreign(relations: readonly Right[], role: string): string[] {
  const others = relations.filter(({ owned }) => !owned);
  if (others.length === 0) return [];
  const owners = [...new Set(others.map(({ owner }) => owner))].join(', ');
  return [
    `${others.length} of the tables belong to ${owners}, and the user ${role} may neither migrate them nor make and drop their partitions: GRANT ${owners} TO ${role}`,
  ];
}

const RIGHTS = `
  SELECT c.relname AS name, c.relowner::regrole::text AS owner, pg_has_role(c.relowner, 'USAGE') AS owned,
    CASE c.relkind WHEN 'S' THEN array_remove(ARRAY[CASE WHEN NOT has_sequence_privilege(c.oid, 'USAGE') THEN 'USAGE' END], NULL)
    ELSE (SELECT coalesce(array_agg(p), '{}') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p WHERE NOT has_table_privilege(c.oid, p)) END AS missing
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'S')
  ORDER BY 1`;
