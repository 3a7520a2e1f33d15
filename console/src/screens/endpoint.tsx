import type { ReactNode } from 'react';

export function Endpoint(): ReactNode {
  return (
    <div className="screen">
      <h1>Endpoint</h1>
    </div>
  );
}
