import { readFileSync } from 'node:fs';

/** This package's version, from its package.json, which lies two or three folders up (source, or dist). */
export const VERSION = readVersion();

/** How Ringback names itself to receivers. */
export const USER_AGENT = `Ringback/${VERSION}`;

function readVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (parsed.name === 'ringback' && parsed.version) return parsed.version;
    } catch {
      // Not this folder.
    }
  }
  return '0.0.0';
}
