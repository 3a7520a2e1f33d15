/** Two forms of a function, or two ways to make rows, between which a process of the release and one of today can't both live. */
export type Fault = string;

/** Columns and what is said of them, from the lines of `shapeOf`. */
interface Column {
  readonly table: string;
  readonly isFilled: boolean;
  readonly isNeeded: boolean;
  readonly type: string;
}

/**
 * What of a release is missing today, or takes rows of its processes no longer: an old process would fail, or lose what it was told,
 * while it runs beside today's. `allowed` are lines of either that somebody has thought about.
 */
export function brokenPromises(
  released: readonly string[],
  today: readonly string[],
  allowed: ReadonlySet<string> = new Set(),
): Fault[] {
  const columns = columnsOf(released);
  const now = columnsOf(today);
  const has = new Set(today);
  const tables = new Set([...columns.values()].map(({ table }) => table));
  const wider = widened(released, today);
  const gone = released
    .filter((line) => !line.startsWith('column ') && !has.has(line) && !allowed.has(line) && !wider.has(line))
    .map((line) => `gone or changed: ${line}`);
  const changed = [...columns].flatMap(([name, column]) => faultOf(name, column, now.get(name)));
  const needed = [...now]
    .filter(([name, { table }]) => tables.has(table) && !columns.has(name))
    .filter(([, { isNeeded, isFilled }]) => isNeeded && !isFilled)
    .map(([name]) => `old processes don't fill: ${name}: give it a default, or no NOT NULL`);
  const stricter = today
    .filter((line) => !released.includes(line) && !allowed.has(line) && !wider.has(line))
    .filter((line) => isStricter(line, tables, columns))
    .map((line) => `old processes' rows may not be like this: ${line}`);
  return [...gone, ...changed, ...needed, ...stricter, ...doubtful(today)];
}

function columnsOf(lines: readonly string[]): Map<string, Column> {
  return new Map(
    lines.flatMap((line) => {
      const [, name, table, type, needed, filled] =
        /^column ((\w+)\.\w+) (.*?)( NOT NULL)?( filled)?$/.exec(line) ?? [];
      if (name === undefined) return [];
      return [
        [
          name,
          { table: table!, type: type!, isNeeded: needed !== undefined, isFilled: filled !== undefined },
        ],
      ];
    }),
  );
}

function faultOf(name: string, before: Column, now: Column | undefined): Fault[] {
  if (!now) return [`gone: column ${name}`];
  const faults: Fault[] = [];
  if (now.type !== before.type) faults.push(`column ${name} was ${before.type} and is ${now.type}`);
  if (now.isNeeded && !before.isNeeded) faults.push(`column ${name} may be NULL no longer`);
  if (before.isFilled && !now.isFilled) faults.push(`column ${name} is filled by nobody any more`);
  return faults;
}

/** Constraints of both that only have more values to choose from now. */
function widened(released: readonly string[], today: readonly string[]): Set<string> {
  const choices = (line: string) => ({
    of: line.replace(/ARRAY\[[^\]]*\]/, 'ARRAY[]'),
    values: new Set(/ARRAY\[([^\]]*)\]/.exec(line)?.[1]!.split(', ')),
  });
  const now = today
    .filter((line) => /^constraint .*ARRAY\[/.test(line))
    .map((line) => ({ line, ...choices(line) }));
  return new Set(
    released.flatMap((line) => {
      const { of, values } = choices(line);
      const wider = now.find((other) => other.of === of && values.isSubsetOf(other.values));
      return values.size > 0 && wider ? [line, wider.line] : [];
    }),
  );
}

/** A constraint on a table of the release that is about its columns only. */
function isStricter(
  line: string,
  tables: ReadonlySet<string>,
  columns: ReadonlyMap<string, Column>,
): boolean {
  const [, table, about] = /^(?:constraint|unique) (\w+)\(([^)]*)\)/.exec(line) ?? [];
  if (table === undefined || !tables.has(table)) return false;
  return about!.split(' ').every((column) => columns.has(`${table}.${column}`));
}

/** Forms of one name that take as many arguments: parameters have no type of their own, so PostgreSQL couldn't choose. */
function doubtful(lines: readonly string[]): Fault[] {
  const forms = lines.flatMap((line) => {
    const [, name, given, optional] =
      /^function (\w+)\((.*?)\)(?:, the last (\d+) optional,)? RETURNS /.exec(line) ?? [];
    if (name === undefined) return [];
    const most = given === '' ? 0 : given!.replaceAll(/\([^)]*\)/g, '').split(',').length;
    return [{ name, least: most - Number(optional ?? 0), most }];
  });
  return forms.flatMap(({ name, least, most }, nth) =>
    forms
      .slice(nth + 1)
      .filter((other) => other.name === name && other.least <= most && least <= other.most)
      .map(() => `two forms of ${name} may be called with as many arguments: give the new one another name`),
  );
}

/** What holds up a table for as long as its rows take, by the words of a migration. */
const LONG_LOCKS: readonly (readonly [RegExp, string])[] = [
  [
    /CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)(?:IF NOT EXISTS )?\w+ ON (?!ONLY )(\w+)/gi,
    'builds an index while nobody can write: make it ON ONLY the table, CONCURRENTLY on each partition, and attach those',
  ],
  [/ALTER TABLE (?:ONLY )?(\w+)[^;]*?ALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE/gi, 'writes the table anew'],
  [/ALTER TABLE (?:ONLY )?(\w+)[^;]*?SET NOT NULL/gi, 'reads the whole table while nobody can use it'],
  [
    /ALTER TABLE (?:ONLY )?(\w+)[^;]*?ADD (?:CONSTRAINT \w+ )?(?:CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY|EXCLUDE)(?![^;]*NOT VALID)/gi,
    'reads the whole table while nobody can write: add it NOT VALID, and validate it in a later migration',
  ],
  [
    /ALTER TABLE (?:ONLY )?(\w+)[^;]*?ADD (?:COLUMN )?[^;]*?DEFAULT (?:gen_random_uuid|random|nextval|clock_timestamp|timeofday)\(/gi,
    'writes the table anew, since the default is another one for each row',
  ],
  [
    /ALTER TABLE (?:ONLY )?(\w+)[^;]*?GENERATED ALWAYS AS (?:IDENTITY|\([^;]*STORED)/gi,
    'writes the table anew',
  ],
  [
    /(?:^|;|\bBEGIN\b)\s*(?:UPDATE|DELETE FROM) (?:ONLY )?(\w+)/gi,
    'touches all rows in one transaction: leave that to housekeeping',
  ],
  [
    /\b(?:VACUUM FULL|CLUSTER|TRUNCATE|REINDEX TABLE(?! CONCURRENTLY)|LOCK TABLE)\s+(?:ONLY )?(\w+)/gi,
    'locks out everybody',
  ],
];

/** What a migration does to the tables of records, which may have 10^8 rows, that takes as long as they are many. */
export function longLocks(sql: string, records: ReadonlySet<string>): Fault[] {
  const text = sql.replaceAll(/--[^\n]*/g, '').replaceAll(/\s+/g, ' ');
  return LONG_LOCKS.flatMap(([pattern, why]) =>
    [...text.matchAll(pattern)]
      .filter(([, table]) => records.has(table!))
      .map(([words]) => `${words.trim().slice(0, 80)} … ${why}`),
  );
}
