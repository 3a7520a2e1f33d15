import type { Answer, Client } from './client.js';

/** An operation type that remote workers run. */
export async function declare(client: Client, name: string, given: object = {}): Promise<Answer> {
  const answer = await client.request('PUT', `/v1/operation-types/${name}`, { title: name, ...given });
  if (answer.status > 201) throw new Error(`PUT answered ${answer.status}: ${answer.text}`);
  return answer;
}

/** What a claim gave. */
export async function claim(client: Client, types: readonly string[], given: object = {}): Promise<any[]> {
  const answer = await client.post('/v1/work/claim', { types, ...given });
  if (answer.status !== 200) throw new Error(`claim answered ${answer.status}: ${answer.text}`);
  return answer.body.data;
}

/** What became of a lease. */
export function act(client: Client, lease: string, action: string, body?: object): Promise<Answer> {
  return client.post(`/v1/work/${lease}/${action}`, body);
}
