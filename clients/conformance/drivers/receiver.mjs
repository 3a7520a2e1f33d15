// A receiver with `ringback/receiver`, whose work fails now and then after it has written: TASK says where everything is.
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { RingbackClient } from 'ringback/client';
import { CallbackReceiver, postgres, sqlite } from 'ringback/receiver';

const { database, port, secret, url, key, every_s: everyS } = JSON.parse(process.env.TASK);
const isFile = database.startsWith('/');
const INSERT = 'INSERT INTO handled (operation, correlation) VALUES';
let count = 0;

const receiver = new CallbackReceiver({
  store: isFile
    ? sqlite(new DatabaseSync(database))
    : postgres(new pg.Pool({ connectionString: database, max: 8 })),
  secrets: secret,
  async handle({ data: { id, correlation } }, transaction) {
    if (isFile) transaction.prepare(`${INSERT} (?, ?)`).run(id, correlation);
    else await transaction.query(`${INSERT} ($1, $2)`, [id, correlation]);
    if (++count % 7 === 0) throw new Error('the work failed');
  },
  onError: () => undefined,
});

await receiver.createTables();
createServer(receiver.listener).listen(port, '127.0.0.1', () => console.log('{}'));
await receiver.keepUp(new RingbackClient({ url, apiKey: key }), { everyS });
