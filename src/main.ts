const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  console.error(
    `Ringback needs Node 22.13 or newer, and this is ${process.versions.node}: start it with "npm start", which brings its own.`,
  );
  process.exitCode = 1;
} else {
  // Only here: what it is made of can't be read by an older Node.
  const { run } = await import('./command/program.js');
  await run(process.argv.slice(2));
}
