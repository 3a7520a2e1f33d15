import type { ReactNode } from 'react';

export function Inbox(): ReactNode {
  return (
    <div className="screen">
      <h1>Inbox</h1>
    </div>
  );
}
