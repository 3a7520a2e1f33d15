import { useSyncExternalStore } from 'react';

/** One timer for all relative times on a page; it stands still in hidden tabs. */
const TICK_MS = 1_000;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}

function turn(): void {
  const wanted = listeners.size > 0 && document.visibilityState === 'visible';
  if (wanted && timer === undefined) {
    timer = setInterval(tick, TICK_MS);
    tick();
  } else if (!wanted && timer !== undefined) {
    clearInterval(timer);
    timer = undefined;
  }
}

document.addEventListener('visibilitychange', turn);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  turn();
  return () => {
    listeners.delete(listener);
    turn();
  };
}

/** What `read` makes of the time, rendered again only when that changes. */
export function useClock<T extends string | number>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(now));
}
