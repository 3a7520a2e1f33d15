#!/usr/bin/env node
import { readCommand } from './command.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const command = readCommand(process.argv.slice(2));
if (command.kind === 'say') console.log(command.text);
else if (command.kind === 'misused') {
  console.error(command.text);
  process.exitCode = 2;
} else if (major < 22 || (major === 22 && minor < 13)) {
  console.error(
    `Ringback needs Node 22.13 or newer, and this is ${process.versions.node}: start it with "npm start", which brings its own.`,
  );
  process.exitCode = 1;
} else {
  // Only here: loading it takes most of a second, and nothing else needs it.
  await import('reflect-metadata');
  if (command.kind === 'reseal') await (await import('./reseal.js')).reseal();
  else await (await import('./serve.js')).serve();
}
