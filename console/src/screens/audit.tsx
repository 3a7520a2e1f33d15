import type { ReactNode } from 'react';

export function AuditLog(): ReactNode {
  return (
    <div className="screen">
      <h1>AuditLog</h1>
    </div>
  );
}
