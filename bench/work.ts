import { performance } from 'node:perf_hooks';

// How many operations a second one remote worker gets through: node bench/work.ts URL KEY [operations] [at once].
// It declares a type of its own, submits all operations, and then claims and completes them in batches.
const [url = 'http://127.0.0.1:8080', key = '', count = '10000', most = '500'] = process.argv.slice(2);
const TYPE = 'bench.work';
const total = Number(count);
const limit = Number(most);

async function ask(method: string, path: string, body: object): Promise<any> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

await ask('PUT', `/v1/operation-types/${TYPE}`, { title: 'Of the bench' });
const submitted = performance.now();
for (let left = total; left > 0; left -= 500) {
  const operations = Array.from({ length: Math.min(left, 500) }, (_, n) => ({ type: TYPE, input: { n } }));
  await ask('POST', '/v1/operations/batch', { operations });
}
const began = performance.now();
let done = 0;
let claims = 0;
// Two loops of one worker: while one's ends are stored, the other's operations are claimed.
const loop = async (): Promise<void> => {
  while (done < total) {
    const { data } = await ask('POST', '/v1/work/claim', {
      types: [TYPE],
      limit: limit / 2,
      wait: 1,
      worker: 'bench',
    });
    claims++;
    if (data.length === 0) continue;
    const actions = data.map(({ lease, operation }: any) => ({
      lease,
      action: 'complete',
      result: operation.input,
    }));
    const answer = await ask('POST', '/v1/work/batch', { actions });
    done += answer.data.filter(({ status }: any) => status === 200).length;
  }
};
await Promise.all([loop(), loop()]);
const tookS = (performance.now() - began) / 1000;
console.log(
  `${total} submitted in ${((began - submitted) / 1000).toFixed(1)} s; ${done} done in ${tookS.toFixed(1)} s: ${(done / tookS).toFixed(0)}/s, ${claims} claims`,
);
