import type { ReactNode } from 'react';

export function Deliveries(): ReactNode {
  return (
    <div className="screen">
      <h1>Deliveries</h1>
    </div>
  );
}
