import { type ReactNode, useState } from 'react';

/** Puts a text on the clipboard, and says that it is there. */
export function Copy({ text, children = 'Copy' }: { text: string; children?: ReactNode }): ReactNode {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      className="button small"
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 1_500);
        });
      }}
    >
      {done ? 'Copied' : children}
    </button>
  );
}
