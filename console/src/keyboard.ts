import { useEffect } from 'react';

/** What is pressed where; `?` shows it. */
export const KEYS = [
  { keys: ['/'], what: 'Find anything by its id or correlation' },
  { keys: ['j', 'k'], what: 'Next and previous row' },
  { keys: ['Enter'], what: 'Open the row' },
  { keys: ['x'], what: 'Select the row' },
  { keys: ['g', 'v'], what: 'Go to the overview' },
  { keys: ['g', 'o'], what: 'Go to the operations' },
  { keys: ['g', 'd'], what: 'Go to the deliveries' },
  { keys: ['g', 'e'], what: 'Go to the endpoints' },
  { keys: ['g', 's'], what: 'Go to the schedules' },
  { keys: ['g', 't'], what: 'Go to "Try it"' },
  { keys: ['?'], what: 'Show these keys' },
] as const;

/** Whether a key pressed there is text. */
function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    !(target instanceof HTMLInputElement && target.type === 'checkbox')
  );
}

/** Calls what belongs to a key, unless text is typed or a dialog is open. */
export function useKeys(actions: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    let before = '';
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
      const action = actions[`${before} ${event.key}`] ?? actions[event.key];
      before = event.key === 'g' ? 'g' : '';
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [actions]);
}

/** Moves the focus by that many rows; a row is what its link or its own `data-row` takes the focus. */
export function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

/** Selects the row that has the focus, where rows can be. */
export function selectRow(): void {
  document.activeElement
    ?.closest('[data-row], tr')
    ?.closest('tr')
    ?.querySelector<HTMLInputElement>('input[type=checkbox]')
    ?.click();
}
