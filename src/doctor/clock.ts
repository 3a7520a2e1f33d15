import { type Check, type Finding, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** Seconds: beyond the first it is worth a look, beyond the second signatures are about to be refused. */
const NOTED_S = 5;
const WRONG_S = 60;

/** This machine's clock beside PostgreSQL's, by which all that is due is decided. */
export const clock: Check<WithDatabase> = {
  name: 'clock',
  run: async ({ database, now }) => {
    const asked = now();
    const [row] = await database.query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const answered = now();
    return [compareClocks((asked + answered) / 2, row!.ms, "PostgreSQL's")];
  },
};

/** Times in milliseconds since 1970: this machine's, and what another's clock showed then. */
export function compareClocks(ours: number, theirs: number, whose: string): Finding {
  const apart = (ours - theirs) / 1_000;
  const seconds = Math.round(Math.abs(apart));
  if (seconds < NOTED_S) return green(`this machine's and ${whose} agree`);
  const text = `this machine's clock is ${seconds} s ${apart > 0 ? 'ahead of' : 'behind'} ${whose}: have both set by NTP (timedatectl set-ntp true)`;
  return seconds < WRONG_S
    ? yellow(text)
    : red(`${text}; receivers refuse signatures whose time is 5 minutes off`);
}
