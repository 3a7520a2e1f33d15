/** One row of a hex view: 16 bytes. */
export interface HexRow {
  readonly offset: string;
  readonly hex: string;
  readonly text: string;
}

const ROW = 16;

/** Bytes as hex editors show them, from the first one on, `rows` at most. */
export function hexRows(bytes: Uint8Array, rows: number): HexRow[] {
  const count = Math.min(rows, Math.ceil(bytes.length / ROW));
  return Array.from({ length: count }, (_, row) => {
    const part = [...bytes.subarray(row * ROW, (row + 1) * ROW)];
    const digits = part.map((byte) => byte.toString(16).padStart(2, '0'));
    const hex = `${digits.slice(0, 8).join(' ')}  ${digits.slice(8).join(' ')}`.trimEnd();
    const text = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    return { offset: (row * ROW).toString(16).padStart(8, '0'), hex, text };
  });
}
