/** A consumer of a pull endpoint as a process of its own, to be killed: says the id of each operation that it is told of. */
import { RingbackClient } from '../../dist/src/client/index.js';

const [url, apiKey, endpoint, secret] = process.argv.slice(2);
await new RingbackClient({ url, apiKey }).pull(
  endpoint,
  ({ event }) => {
    process.stdout.write(`${event.data.id}\n`);
  },
  { secret, leaseS: 2, limit: 40 },
);
