import pg from 'pg';

// What a process of a release relies on, a line each. NOT NULL is told with its column, partitions come and go, and what a
// constraint or an index is about stands before its name.
const SHAPE = `
  SELECT format('column %s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END,
    CASE WHEN a.atthasdef OR a.attidentity <> '' THEN ' filled' END) AS line
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'migrations'
  UNION ALL
  SELECT format('%s %s.%s %s', CASE c.relkind WHEN 'v' THEN 'view' ELSE 'type' END, c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'c')
  UNION ALL
  SELECT format('sequence %s', c.relname) FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
  UNION ALL
  SELECT format('constraint %s(%s) %s', c.relname,
    (SELECT string_agg(a.attname, ' ' ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)), pg_get_constraintdef(k.oid, true))
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relname <> 'migrations' AND k.contype IN ('p', 'u', 'f', 'c', 'x')
  UNION ALL
  SELECT format('unique %s(%s) %s', t.relname,
    (SELECT string_agg(a.attname, ' ' ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = ANY (i.indkey)), substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*'))
  FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
  WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.relname <> 'migrations' AND i.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  UNION ALL
  SELECT format('function %s(%s)%s RETURNS %s', p.proname, pg_get_function_identity_arguments(p.oid),
    CASE WHEN p.pronargdefaults > 0 THEN format(', the last %s optional,', p.pronargdefaults) END, pg_get_function_result(p.oid))
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')`;

/** What of the schema in a database a process relies on: columns, functions with what they take and answer, and what new rows must be like. */
export async function shapeOf(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(SHAPE);
    // By their letters, whatever the server's locale.
    return rows.map(({ line }) => line).toSorted();
  } finally {
    await client.end();
  }
}
