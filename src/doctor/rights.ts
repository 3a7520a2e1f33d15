import { ownRelations } from '../database/own-relations.js';
import { type Check, type Finding, green, red } from './finding.js';
import type { WithDatabase } from './surroundings.js';

interface Right {
  readonly name: string;
  readonly missing: readonly string[];
  /** Its owner, as SQL names it. */
  readonly owner: string;
  readonly owned: boolean;
}

/** What the user may do in its schema and with its tables. */
export const rights: Check<WithDatabase> = {
  name: 'rights',
  run: async ({ database }) => {
    const [place] = await database.query<{
      schema: string | null;
      path: string;
      role: string;
      makes: boolean | null;
    }>(
      `SELECT current_schema() AS schema, current_setting('search_path') AS path, current_user AS role,
         has_schema_privilege(current_schema(), 'CREATE') AS makes`,
    );
    const { schema, path, role, makes } = place!;
    if (schema === null)
      return [
        red(
          `search_path is ${path}, and the user ${role} may use none of these schemas: make the schema, or GRANT USAGE, CREATE ON SCHEMA … TO ${role}`,
        ),
      ];
    const found: Finding[] = [];
    if (!makes)
      found.push(
        red(
          `the user ${role} may not make tables in the schema ${schema}: GRANT CREATE ON SCHEMA ${schema} TO ${role}`,
        ),
      );
    const relations = await database.query<Right>(RIGHTS, [ownRelations()]);
    found.push(...lacking(relations, role), ...foreign(relations, role));
    return found.length > 0
      ? found
      : [green(`the user ${role} may do what is needed in the schema ${schema}`)];
  },
};

function lacking(relations: readonly Right[], role: string): Finding[] {
  const without = relations.filter(({ missing }) => missing.length > 0);
  if (without.length === 0) return [];
  const needed = [...new Set(without.flatMap(({ missing }) => missing))].join(', ');
  const names = without.map(({ name }) => name);
  const shown =
    names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
  return [
    red(
      `the user ${role} lacks ${needed} on ${shown}: make it their owner (or a member of it), or GRANT ${needed} ON ${names[0]}, … TO ${role}`,
    ),
  ];
}

/** Partitions are made and dropped while the service runs, which only an owner may: without, a later insert finds none. */
function foreign(relations: readonly Right[], role: string): Finding[] {
  const others = relations.filter(({ owned }) => !owned);
  if (others.length === 0) return [];
  const owners = [...new Set(others.map(({ owner }) => owner))].join(', ');
  return [
    red(
      `${others.length} of the tables belong to ${owners}, and the user ${role} may neither migrate them nor make and drop their partitions: GRANT ${owners} TO ${role}`,
    ),
  ];
}

const RIGHTS = `
  SELECT c.relname AS name, c.relowner::regrole::text AS owner, pg_has_role(c.relowner, 'USAGE') AS owned,
    CASE c.relkind WHEN 'S' THEN array_remove(ARRAY[CASE WHEN NOT has_sequence_privilege(c.oid, 'USAGE') THEN 'USAGE' END], NULL)
    ELSE (SELECT coalesce(array_agg(p), '{}') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p WHERE NOT has_table_privilege(c.oid, p)) END AS missing
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'S')
  ORDER BY 1`;
