import type { ReactNode, RefObject } from 'react';
import { KEYS } from './keyboard.js';

/** The keys that work everywhere. */
export function KeysDialog({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }): ReactNode {
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="keys-title" closedby="any">
      <h2 id="keys-title">Keys</h2>
      <table className="keys">
        <tbody>
          {KEYS.map(({ keys, what }) => (
            <tr key={what}>
              <th scope="row">
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <form method="dialog" className="dialog-buttons">
        <button className="button">Close</button>
      </form>
    </dialog>
  );
}
