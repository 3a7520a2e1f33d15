import type { ReactNode } from 'react';

export function Accounts(): ReactNode {
  return (
    <div className="screen">
      <h1>Accounts</h1>
    </div>
  );
}
