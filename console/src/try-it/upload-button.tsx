import { type ReactNode, useRef, useState } from 'react';
import { upload } from '../api.js';
import type { FileResponse } from '../api-types.js';
import { Dialog } from '../ui/dialog.js';
import { Problem } from '../ui/problem.js';

/** Stores a file, for inputs that name one. */
export function UploadButton({ onUploaded }: { onUploaded: (file: FileResponse) => void }): ReactNode {
  const chooser = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const send = async (file: File): Promise<void> => {
    setBusy(true);
    try {
      onUploaded(await upload<FileResponse>('/v1/files', file, { name: file.name }));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <>
      <input
        ref={chooser}
        type="file"
        hidden
        aria-label="File to upload"
        onChange={({ target }) => {
          const [file] = target.files ?? [];
          if (file) void send(file);
          // So that the same file can be chosen again.
          target.value = '';
        }}
      />
      <button type="button" className="button" disabled={busy} onClick={() => chooser.current?.click()}>
        {busy ? 'Uploading …' : 'Upload …'}
      </button>
      {error !== null && (
        <Dialog title="Not uploaded" onClose={() => setError(null)}>
          <Problem error={error} />
          <form method="dialog" className="dialog-buttons">
            <button className="button">Close</button>
          </form>
        </Dialog>
      )}
    </>
  );
}
