import type { Outcome } from './campaign.js';

/** Violations of a kind that are listed in full. */
const MAX_LISTED = 20;

/** What a campaign on one backend came to, for people. */
export function report(outcome: Outcome): string {
  const { backend, violations } = outcome;
  return [
    `## BullMQ on ${backend === 'redis' ? 'Redis' : 'PostgreSQL'}`,
    '',
    table('fault', 'count', counts(outcome.faults.map(({ kind }) => kind))),
    '',
    table('figure', '', figures(outcome)),
    '',
    violations.length === 0 ? 'Violations: 0' : `Violations: ${violations.length}\n\n${listed(outcome)}`,
    '',
  ].join('\n');
}

function figures({ facts, times, loadS, restS, unanswered, unsent }: Outcome): [string, string][] {
  const ended = facts.operations.filter(({ endedAt }) => endedAt !== null).length;
  const acknowledged = new Set(facts.acknowledged.map(({ id }) => id)).size;
  const states = counts(facts.operations.map(({ state, errorCode }) => errorCode ?? state));
  const deliveries = counts(facts.deliveries.map(({ state, reason }) => reason ?? state));
  return [
    ['operations acknowledged', `${acknowledged}, ${(acknowledged / loadS).toFixed(0)}/s`],
    ['operations ended', `${ended}, ${(ended / (loadS + (restS ?? 0))).toFixed(0)}/s: ${inWords(states)}`],
    ['requests without an answer', String(unanswered)],
    ['operations not submitted before the time was over', String(unsent)],
    ['deliveries', `${facts.deliveries.length}: ${inWords(deliveries)}`],
    ['POSTs received', String(facts.posts.length)],
    ['at rest after the last fault', restS === null ? 'not in time' : `${restS.toFixed(1)} s`],
    ['PostgreSQL back → first operation ended', spread(times.postgres)],
    ['process killed → its operations ended elsewhere', spread(times.killed)],
  ];
}

function listed({ violations }: Outcome): string {
  const byKind = Map.groupBy(violations, ({ kind }) => kind);
  return [...byKind]
    .map(([kind, of]) => {
      const lines = of.slice(0, MAX_LISTED).map(({ id, detail }) => `  ${id ?? '-'}  ${detail}`);
      if (of.length > MAX_LISTED)
        lines.push(`  and ${of.length - MAX_LISTED} more: --facts FOLDER keeps all`);
      return `${kind}: ${of.length}\n${lines.join('\n')}`;
    })
    .join('\n');
}

function counts(names: readonly string[]): [string, string][] {
  const byName = Map.groupBy(names, (name) => name);
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => [name, String(of.length)]);
}

function inWords(counted: [string, string][]): string {
  return counted.map(([name, count]) => `${name} ${count}`).join(', ');
}

function spread(times: readonly number[]): string {
  if (times.length === 0) return 'none';
  const sorted = [...times].sort((a, b) => a - b);
  const seconds = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! / 1000).toFixed(1);
  return `median ${seconds(0.5)} s, longest ${seconds(1)} s, of ${times.length}`;
}

function table(left: string, right: string, rows: readonly [string, string][]): string {
  const width = Math.max(...[...rows.map(([name]) => name), left].map((name) => name.length));
  return [[left, right] as const, ...rows]
    .map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd())
    .join('\n');
}
