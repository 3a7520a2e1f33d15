import { median } from './figures.js';
import { type Figure, type FigureName, FIGURES, type Turn } from './turn-figures.js';

/** The turns of one side on one queue backend. */
export interface Column {
  /** Backend and side. */
  readonly name: string;
  readonly turns: readonly Turn[];
}

/** Sides by turns, there and back again (A B, B A, A B, …): drift of the machine falls on all of them alike. */
export function inTurns<Side>(sides: readonly Side[], rounds: number): Side[] {
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? sides : sides.toReversed())).flat();
}

/** The second side's median ÷ the first's; null where one of them has none, or the first is 0. */
export function ratioOfMedians(first: readonly number[], second: readonly number[]): number | null {
  const [from, to] = [median(first), median(second)];
  return Number.isNaN(from) || Number.isNaN(to) || from === 0 ? null : to / from;
}

/** One table: a group of columns for each backend, and behind two sides the ratio of their medians. */
export function sidesTable(groups: readonly (readonly Column[])[]): string {
  const heads = groups.flatMap((columns) => [
    ...columns.map(({ name }) => name),
    ...(columns.length === 2 ? ['ratio'] : []),
  ]);
  const rows = Object.entries(FIGURES).flatMap(([name, figure]) => {
    const cells = groups.flatMap((columns) => cellsOf(columns, name as FigureName, figure));
    return cells.every((cell) => cell === '') ? [] : [[figure.label, ...cells]];
  });
  return [['figure', ...heads], ['figure', ...heads].map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function cellsOf(columns: readonly Column[], name: FigureName, figure: Figure): string[] {
  const sides = columns.map(({ turns }) => turns.flatMap(({ figures }) => figures[name] ?? []));
  const cells = sides.map((values) => shown(values, figure));
  if (sides.length !== 2) return cells;
  const ratio = ratioOfMedians(sides[0]!, sides[1]!);
  return [...cells, ratio === null ? '' : `**${ratio.toFixed(2)}**`];
}

/** The median, and of several turns the least and the most. */
function shown(values: readonly number[], { digits }: Figure): string {
  if (values.length === 0) return '';
  const text = (value: number): string =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (values.length === 1) return text(values[0]!);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}
