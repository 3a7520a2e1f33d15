import type { ReactNode } from 'react';
import { Copy } from './copy.js';
import { Dialog } from './dialog.js';

/** A secret, this once: it is kept nowhere in the page. */
export function SecretOnce({
  title,
  secret,
  onClose,
  children,
}: {
  title: string;
  secret: string;
  onClose: () => void;
  children: ReactNode;
}): ReactNode {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      <p className="code" data-secret>
        {secret}
      </p>
      <div className="dialog-buttons">
        <Copy text={secret} />
        <button type="button" className="button primary" onClick={onClose} autoFocus>
          Done
        </button>
      </div>
    </Dialog>
  );
}
