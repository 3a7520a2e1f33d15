import { useState } from 'react';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'ringback.theme';

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'system';
  } catch {
    // Storage is refused: the system decides.
    return 'system';
  }
}

/** Applies the theme of the last visit; `system` leaves it to prefers-color-scheme. */
export function applyTheme(theme: Theme = stored()): void {
  document.documentElement.dataset['theme'] = theme;
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(stored);
  return [
    theme,
    (next) => {
      applyTheme(next);
      setTheme(next);
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // Then it holds for this visit.
      }
    },
  ];
}
