/**
 * Where the console is, with a slash at the end: `/console/`, also below the path that a proxy or an application that embeds
 * Ringback has it under. Scripts are in one folder of it, so that the address of this one tells.
 */
export const MOUNT = new URL(/* @vite-ignore */ '..', import.meta.url);
