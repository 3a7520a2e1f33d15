import type { ReactNode } from 'react';
import { useAway } from '../service-state.js';

/** Says that the service does not answer, while it doesn't. */
export function Away(): ReactNode {
  const away = useAway();
  return (
    <div role="status" className="away-place">
      {away ? (
        <p className="away">
          <strong>The service does not answer.</strong> What you see is as it was last read; it goes on by
          itself once the service is back.
        </p>
      ) : null}
    </div>
  );
}
