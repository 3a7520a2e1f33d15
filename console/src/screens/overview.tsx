import type { ReactNode } from 'react';

export function Overview(): ReactNode {
  return (
    <div className="screen">
      <h1>Overview</h1>
    </div>
  );
}
