import type { Command } from 'commander';
import { commandEnv, environment } from '../config/command-env.js';
import type { Level, Reported } from '../doctor/finding.js';
import { jsonOption, localUrl } from './connection.js';
import { EXIT } from './ending.js';
import { examples } from './examples.js';
import { clean, printJson, styled, write } from './output.js';

/** `ringback doctor`. */
export function define(command: Command): void {
  jsonOption(command)
    .description(
      'Looks at all that a service needs, by the settings in the environment, and says line by line what is well (green), worth a look (yellow) or broken (red), with the remedy. It changes and starts nothing. Exit code 1: something is red.',
    )
    .option(
      '--url <url>',
      'where a running service is asked, unless where the settings have it listen (RINGBACK_URL)',
    )
    .action(async ({ url, json }: { url?: string; json?: boolean }) => {
      await import('reflect-metadata');
      const { examine } = await import('../doctor/doctor.js');
      const env = commandEnv();
      const findings = await examine({ source: environment(), url: url ?? env.url ?? localUrl(env) });
      const isWell = !findings.some(({ level }) => level === 'red');
      if (json) printJson({ ok: isWell, findings });
      else print(findings);
      // What a check that was given up has left open must not keep the command.
      process.stdout.write('', () => process.exit(isWell ? EXIT.done : EXIT.failed));
    });
  examples(
    command,
    'doctor',
    'doctor --json | jq -r \'.findings[] | select(.level == "red") | .text\'',
    'doctor --url https://ringback.example.com',
  );
}

function print(findings: readonly Reported[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { check, level, text } of findings)
    write(`${styled(level, level.padEnd(6))}  ${check.padEnd(width)}  ${clean(text)}\n`);
  const count = (of: Level): number => findings.filter(({ level }) => level === of).length;
  const [reds, yellows] = [count('red'), count('yellow')];
  write(
    `\n${reds === 0 ? 'Nothing is red' : `${reds} of ${findings.length} ${reds === 1 ? 'is' : 'are'} red`}${yellows === 0 ? '' : `, ${yellows} yellow`}.\n`,
  );
}
