import uPlot from 'uplot';
import type { Series } from './bars.js';
import { compact } from '../words.js';
import 'uplot/dist/uPlot.min.css';

interface Data {
  readonly at: readonly number[];
  readonly stepS: number;
  readonly series: readonly Series[];
}

interface Behaviour {
  readonly height: number;
  readonly onOver: (bucket: number | null) => void;
  readonly onSpan: (from: number, to: number) => void;
}

/** Draws the stacks: the last series at the bottom, each one in front of those above it. */
export function stacked(place: HTMLElement, { at, stepS, series }: Data, behaviour: Behaviour): uPlot {
  const ink = colorOf(place, 'ink-quiet');
  const line = colorOf(place, 'line');
  const axis = { stroke: ink, font: '11px system-ui, sans-serif', ticks: { show: false } };
  const bars = uPlot.paths.bars!({ size: [0.82, 40], align: 1, radius: 0.12 });
  const totals = heights(series);
  const middle = (u: uPlot) => {
    const { idx } = u.cursor;
    behaviour.onOver(idx ?? null);
  };
  return new uPlot(
    {
      width: place.clientWidth,
      height: behaviour.height,
      legend: { show: false },
      padding: [6, 16, 0, 0],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        // The bar that the pointer is in begins left of it.
        dataIdx: (u, _series, _closest, x) => {
          const bucket = Math.floor((x - at[0]!) / stepS);
          return u.data[0].length === 0 ? null! : Math.max(0, Math.min(at.length - 1, bucket));
        },
      },
      scales: {
        x: { time: true, range: [at[0] ?? 0, (at.at(-1) ?? 0) + stepS] },
        y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.08)] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 20,
          gap: 4,
          space: 56,
          values: (_u, splits) => splits.map((at) => timeText(at, stepS)),
        },
        {
          ...axis,
          size: 40,
          gap: 4,
          space: 26,
          grid: { stroke: line, width: 1 },
          // Nothing stands on the line where the bars begin.
          values: (_u, splits) => splits.map((value) => (value === 0 ? '' : compact(value))),
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7],
        },
      ],
      series: [
        {},
        ...series.map(({ color }) => ({
          fill: colorOf(place, color),
          stroke: 'transparent',
          width: 0,
          paths: bars,
          points: { show: false },
        })),
      ],
      hooks: {
        setCursor: [middle],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width < 4) return;
            behaviour.onSpan(
              snap(u.posToVal(left, 'x'), stepS),
              snap(u.posToVal(left + width, 'x') + stepS, stepS),
            );
          },
        ],
      },
    },
    [[...at], ...totals],
    place,
  );
}

/** Each series on top of those after it. */
function heights(series: readonly Series[]): number[][] {
  const sums: number[][] = [];
  let below: readonly number[] = [];
  for (const { values } of series.toReversed()) {
    const sum = values.map((value, at) => value + (below[at] ?? 0));
    sums.unshift(sum);
    below = sum;
  }
  return sums;
}

function snap(seconds: number, stepS: number): number {
  return Math.floor(seconds / stepS) * stepS;
}

/** A canvas knows no custom properties: the browser works the colour out. */
function colorOf(place: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** The hour, or the day where one begins. */
function timeText(seconds: number, stepS: number): string {
  const at = new Date(seconds * 1000);
  return stepS >= 86_400 || (at.getHours() === 0 && at.getMinutes() === 0) ? DAY.format(at) : TIME.format(at);
}
