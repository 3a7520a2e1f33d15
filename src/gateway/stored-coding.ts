import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';

/** Decoders by `Content-Encoding` (RFC 9110, 8.4.1). What is called `deflate` is of two forms, and rare. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
};

/**
 * What takes the coding off a stored answer for a reader that doesn't take it: whoever asked for the answer may have taken more than
 * whoever reads it. A reader without `Accept-Encoding` takes any (RFC 9110, 12.5.3). Null: it is sent as it is.
 */
export function decoderFor(
  coding: string | undefined,
  accepted: string | undefined,
): (() => Transform) | null {
  const name = coding?.trim().toLowerCase() ?? '';
  const make = Object.hasOwn(DECODERS, name) ? DECODERS[name]! : null;
  return make === null || accepted === undefined || takes(accepted, name) ? null : make;
}

function takes(accepted: string, coding: string): boolean {
  const weights = new Map(
    accepted.split(',').map((part) => {
      const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='));
      return [name === 'x-gzip' ? 'gzip' : name, weight === undefined ? 1 : Number(weight.slice(2))];
    }),
  );
  return (weights.get(coding === 'x-gzip' ? 'gzip' : coding) ?? weights.get('*') ?? 0) > 0;
}
