import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { Problem } from '../ui/problem.js';

/** In place of a screen that could not be shown. */
export function Failed({ error }: { error: unknown }): ReactNode {
  return (
    <div className="screen">
      <h1>This screen could not be shown</h1>
      <Problem error={error} />
      <p>
        <button type="button" className="button" onClick={() => location.reload()}>
          Load it again
        </button>
      </p>
    </div>
  );
}

export function NotFound(): ReactNode {
  return (
    <div className="screen">
      <h1>There is no such screen</h1>
      <p>
        <Link to="/">To the overview</Link>
      </p>
    </div>
  );
}
