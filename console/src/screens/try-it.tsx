import type { ReactNode } from 'react';

export function TryIt(): ReactNode {
  return (
    <div className="screen">
      <h1>TryIt</h1>
    </div>
  );
}
