#!/usr/bin/env node
// Committed, so that npm can link it before the first build. Written so that an older Node, too, comes to what is said.
import { existsSync } from 'fs';

const main = new URL('../dist/src/main.js', import.meta.url);
if (existsSync(main)) void import(main.href);
else {
  console.error('Ringback isn\'t built yet: run "npm start" first');
  process.exitCode = 1;
}
