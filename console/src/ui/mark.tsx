import type { ReactNode } from 'react';

/** The product's mark. */
export function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M8 19a9 9 0 1 0 4-9" />
      <path d="M13.5 4.5 11 10.5l6 2" />
      <circle cx="17" cy="17" r="2.6" />
    </svg>
  );
}
