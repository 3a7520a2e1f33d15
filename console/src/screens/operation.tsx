import type { ReactNode } from 'react';

export function Operation(): ReactNode {
  return (
    <div className="screen">
      <h1>Operation</h1>
    </div>
  );
}
