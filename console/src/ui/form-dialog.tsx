import {
  cloneElement,
  type FormEvent,
  type HTMLAttributes,
  type ReactElement,
  type ReactNode,
  useId,
  useState,
} from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { Dialog } from './dialog.js';
import { Problem } from './problem.js';

interface Props {
  readonly title: string;
  /** What the button says, a verb. */
  readonly verb: string;
  readonly wide?: boolean;
  /** It can't be submitted yet. */
  readonly isIncomplete?: boolean;
  readonly onSubmit: (given: FormData) => Promise<unknown>;
  readonly onClose: () => void;
  /** Once it was submitted; closes it by default. */
  readonly onDone?: () => void;
  readonly children: ReactNode;
}

/** A form in a dialog; what the service refuses is said in it, and nothing that was typed is lost. */
export function FormDialog(props: Props): ReactNode {
  const { title, verb, wide, isIncomplete, onSubmit, onClose, onDone, children } = props;
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      await onSubmit(given);
      (onDone ?? onClose)();
      await queries.invalidateQueries();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  }
  return (
    <Dialog title={title} onClose={onClose} {...(wide ? { wide } : {})}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        {children}
        <Problem error={error} />
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="button primary" disabled={busy || isIncomplete}>
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A label over its control, which a sentence describes: what may be given. */
export function Labeled({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: ReactNode;
  children: ReactElement<HTMLAttributes<HTMLElement>>;
}): ReactNode {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, { id, ...(hint ? { 'aria-describedby': `${id}-hint` } : {}) })}
      {hint ? (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      ) : null}
    </div>
  );
}
