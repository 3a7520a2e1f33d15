import type { ReactNode } from 'react';
import type { AttemptResponse } from '../api-types.js';
import { span } from '../words.js';

const PHASES = [
  ['dns', 'DNS'],
  ['connect', 'Connect'],
  ['tls', 'TLS'],
  ['first_byte', 'First byte'],
] as const;

export interface Phase {
  readonly key: string;
  readonly name: string;
  readonly ms: number;
}

/** How long each part took, in order; what isn't in a phase is the body. A connection that was used again has no first three. */
export function phasesOf({ phases_ms: phases, duration_ms: whole }: AttemptResponse): Phase[] {
  if (whole === null) return [];
  const known = PHASES.flatMap(([key, name]): Phase[] => {
    const ms = phases?.[key];
    return typeof ms === 'number' ? [{ key, name, ms }] : [];
  });
  const rest = whole - known.reduce((sum, { ms }) => sum + ms, 0);
  return rest >= 0.5 ? [...known, { key: 'body', name: 'Body', ms: rest }] : known;
}

/** Where an attempt's time went, to the scale of the longest one. */
export function Waterfall({ attempt, longest }: { attempt: AttemptResponse; longest: number }): ReactNode {
  const phases = phasesOf(attempt);
  const text = phases.map(({ name, ms }) => `${name} ${span(ms)}`).join(', ');
  return (
    <div className="waterfall" role="img" aria-label={text === '' ? 'Not known' : text} title={text}>
      {phases.map(({ key, ms }) => (
        <span key={key} className={`phase ${key}`} style={{ width: `${(100 * ms) / longest}%` }} />
      ))}
    </div>
  );
}
