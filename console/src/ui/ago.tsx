import type { ReactNode } from 'react';
import { useClock } from '../clock.js';
import { relative, utc } from '../words.js';

/** A time as people feel it, with the exact one on hover; a dash where there is none. */
export function Ago({ at }: { at: string | null | undefined }): ReactNode {
  return at ? <Relative at={at} /> : <span className="quiet">–</span>;
}

function Relative({ at }: { at: string }): ReactNode {
  const time = Date.parse(at);
  const text = useClock((now) => relative(time, now));
  return (
    <time dateTime={at} title={utc(at)}>
      {text}
    </time>
  );
}
