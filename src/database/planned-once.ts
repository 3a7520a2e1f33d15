/** Names of statements that are prepared, by their texts; null for those that aren't. */
const names = new Map<string, string | null>();
/** More texts than the product has of its own. */
const MAX_NAMES = 200;

/**
 * The name under which a connection may keep a statement's plan; undefined where it is planned with each call. Kept is what only
 * calls a function: of a statement that reads tables a plan made while they were empty would be kept until somebody analyzes them.
 */
export function planName(sql: string): string | undefined {
  let name = names.get(sql);
  if (name === undefined && names.size < MAX_NAMES) {
    name = callsOneFunction(sql) ? `ringback_${names.size}` : null;
    names.set(sql, name);
  }
  return name ?? undefined;
}

function callsOneFunction(sql: string): boolean {
  const text = sql.replaceAll(/--[^\n]*/g, '');
  if (/\b(JOIN|WHERE|WITH|UNION|LATERAL|SELECT[^]*\bSELECT)\b/i.test(text)) return false;
  return (
    /^\s*SELECT\s+(?:[^;]*\sFROM\s+)?\w+\((?:\w+\()?\s*\$1\b[^;]*;?\s*$/i.test(text) &&
    (text.match(/\bFROM\b/gi) ?? []).length <= 1
  );
}
