import { asPortError, checkPorts, listenFailure, type WantedPort, wantedPorts } from '../ports.js';
import { type Check, type Finding, green, red } from './finding.js';
import { looksLikeRingback } from './service.js';
import type { Surroundings } from './surroundings.js';

/** Whether the ports are free, or a Ringback has them. */
export const ports: Check<Surroundings> = {
  name: 'ports',
  run: async ({ env }) => {
    const wanted = wantedPorts(env, env.PORT).filter(({ port }) => port !== 0);
    if (wanted.length === 0) return [green('PORT is 0: a start takes a free one')];
    const failures = await Promise.all(wanted.map(listenFailure));
    if (failures.every((failure) => failure === null)) return [await together(wanted)];
    const [main] = wanted;
    const isTaken = failures.map((failure) => failure?.code === 'EADDRINUSE');
    const isRingback = isTaken[0]! && (await looksLikeRingback(`http://${addressOf(main!)}`));
    return Promise.all(
      wanted.map(async (port, at) => {
        if (failures[at] === null) return green(`${port.setting} ${port.port} is free`);
        if (isTaken[at] && isRingback)
          return green(`${port.setting} ${port.port} is taken by a Ringback, which runs here`);
        return red(
          `${messageOf(await asPortError(failures[at], wanted, port))}${isTaken[at] ? '; what has it is no Ringback' : ''}`,
        );
      }),
    );
  },
};

/** Free ones may still be the same. */
async function together(wanted: readonly WantedPort[]): Promise<Finding> {
  try {
    await checkPorts(wanted);
    return green(
      `${wanted.map(({ setting, port }) => `${setting} ${port}`).join(' and ')} can be listened on`,
    );
  } catch (error) {
    return red(messageOf(error));
  }
}

function addressOf({ host, port }: WantedPort): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
