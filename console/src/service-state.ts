import { useSyncExternalStore } from 'react';

/** Whether the service answers: told by every call, shown by the banner. */
let away = false;
const listeners = new Set<() => void>();

export function isAway(): boolean {
  return away;
}

export function tellAway(now: boolean): void {
  if (away === now) return;
  away = now;
  for (const listener of listeners) listener();
}

export function onServiceState(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useAway(): boolean {
  return useSyncExternalStore(onServiceState, isAway);
}
