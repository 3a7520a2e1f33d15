import type { ReactNode } from 'react';

export function Delivery(): ReactNode {
  return (
    <div className="screen">
      <h1>Delivery</h1>
    </div>
  );
}
