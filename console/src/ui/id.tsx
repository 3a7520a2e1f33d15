import type { ReactNode } from 'react';
import { shortId } from '../words.js';

/** An id by its beginning, whole on hover. */
export function Id({ id }: { id: string }): ReactNode {
  return (
    <code className="id" title={id}>
      {shortId(id)}
    </code>
  );
}
