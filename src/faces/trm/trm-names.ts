import { Problem } from '../../http/problem.js';

/** Names of members, with those of their own members; of a list, those of its items. */
interface Names {
  readonly [name: string]: Names | null;
}

/** What of a submit's body is the face's own, and not the operation's input. */
const OWN: Names = {
  callbackurl: null,
  callback: { url: null, headers: { key: null, value: null }, onInline: null },
};

/**
 * A submit's body with the face's own members called as it calls them: many serialisers have a case of their own for names, and
 * `callbackUrl` or `Callback` would be dropped in silence.
 */
export function withOwnNames(body: Record<string, unknown>): Record<string, unknown> {
  return named(body, OWN, '');
}

function named(given: Record<string, unknown>, names: Names, at: string): Record<string, unknown> {
  const renamed: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(given)) {
    const name = ownName(key, names);
    if (name === undefined) {
      renamed[key] = member;
      continue;
    }
    const value = within(member, names[name]!, `${at}${name}`);
    const other = renamed[name] ?? null;
    // Many serialisers write null where there is nothing.
    if (other !== null && value !== null && JSON.stringify(other) !== JSON.stringify(value))
      throw new Problem(
        400,
        'invalid-request',
        `${at}${name}: is given twice, in another case too; give one`,
      );
    renamed[name] = value ?? other;
  }
  return renamed;
}

function within(given: unknown, names: Names | null, at: string): unknown {
  if (names === null || typeof given !== 'object' || given === null) return given;
  if (Array.isArray(given)) return given.map((item) => within(item, names, at));
  return named(given as Record<string, unknown>, names, `${at}.`);
}

function ownName(key: string, names: Names): string | undefined {
  const lower = key.toLowerCase();
  return Object.keys(names).find((name) => name.toLowerCase() === lower);
}
