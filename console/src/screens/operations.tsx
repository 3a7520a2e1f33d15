import type { ReactNode } from 'react';

export function Operations(): ReactNode {
  return (
    <div className="screen">
      <h1>Operations</h1>
    </div>
  );
}
