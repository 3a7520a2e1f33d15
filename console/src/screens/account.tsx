import type { ReactNode } from 'react';

export function Account(): ReactNode {
  return (
    <div className="screen">
      <h1>Account</h1>
    </div>
  );
}
