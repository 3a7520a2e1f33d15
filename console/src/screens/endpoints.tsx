import type { ReactNode } from 'react';

export function Endpoints(): ReactNode {
  return (
    <div className="screen">
      <h1>Endpoints</h1>
    </div>
  );
}
