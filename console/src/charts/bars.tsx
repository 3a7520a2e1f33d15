import { type ReactNode, useEffect, useRef, useState } from 'react';
import type uPlot from 'uplot';

/** One stack of bars. */
export interface Series {
  readonly name: string;
  /** A custom property of the page's colours, without its dashes. */
  readonly color: string;
  readonly values: readonly number[];
}

interface BarsProps {
  /** What it shows, for who can't see it. */
  readonly label: string;
  /** Beginnings of the buckets, seconds since 1970. */
  readonly at: readonly number[];
  readonly stepS: number;
  readonly series: readonly Series[];
  readonly height?: number;
  /** Called with seconds since 1970 where a span was dragged over. */
  readonly onSpan?: ((from: number, to: number) => void) | undefined;
}

/** Stacked bars over time, and under them what the bar below the pointer stands for. */
export function Bars(props: BarsProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState<number | null>(null);
  const theme = useThemeChanges();
  const { at, series, stepS, height = 96, label } = props;
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const shape = JSON.stringify([at, series, stepS]);
  useEffect(() => {
    let plot: uPlot | undefined;
    let gone = false;
    void import('./stacked.js').then(({ stacked }) => {
      if (gone || !place.current) return;
      plot = stacked(place.current, latest.current, {
        height,
        onOver: setOver,
        onSpan: (from, to) => latest.current.onSpan?.(from, to),
      });
    });
    const resized = new ResizeObserver(() => {
      if (place.current && plot) plot.setSize({ width: place.current.clientWidth, height });
    });
    if (place.current) resized.observe(place.current);
    return () => {
      gone = true;
      resized.disconnect();
      plot?.destroy();
    };
  }, [shape, height, theme]);
  return (
    <figure className="bars">
      <div
        ref={place}
        className="bars-plot"
        style={{ height }}
        role="img"
        aria-label={summary(label, series)}
      />
      <figcaption>
        <span className="bars-names">
          {series.map(({ name, color, values }) => (
            <span key={name} className={`bars-name ${color}`}>
              {name}{' '}
              <strong>{(over === null ? sum(values) : (values[over] ?? 0)).toLocaleString('en')}</strong>
            </span>
          ))}
        </span>
        <span className="quiet">{over === null ? label : span(at[over]!, stepS)}</span>
      </figcaption>
    </figure>
  );
}

function summary(label: string, series: readonly Series[]): string {
  return `${label}: ${series.map(({ name, values }) => `${sum(values)} ${name}`).join(', ')}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

function span(from: number, stepS: number): string {
  const [begin, end] = [new Date(from * 1000), new Date((from + stepS) * 1000)];
  return stepS >= 86_400
    ? DAY.format(begin)
    : `${DAY.format(begin)}, ${TIME.format(begin)}–${TIME.format(end)}`;
}

/** Counts up whenever the page's colours change: a canvas keeps those it was drawn with. */
function useThemeChanges(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const changed = (): void => setChanges((count) => count + 1);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const chosen = new MutationObserver(changed);
    chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    dark.addEventListener('change', changed);
    return () => {
      chosen.disconnect();
      dark.removeEventListener('change', changed);
    };
  }, []);
  return changes;
}
