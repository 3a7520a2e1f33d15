import { afterAll, beforeAll, expect, it } from 'vitest';
import pg from 'pg';
import { toDriver } from '../../src/database/parameters.js';
import { newDatabase } from '../support/database.js';

let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: await newDatabase() });
  await client.connect();
});
afterAll(() => client.end());

/** What PostgreSQL reads of an array that was given like this. */
async function read(type: string, values: readonly unknown[]): Promise<unknown> {
  const { rows } = await client.query<{ read: unknown }>(`SELECT $1::${type}[] AS read`, toDriver([values]));
  return rows[0]!.read;
}

it('texts arrive as they are, whatever is in them', async () => {
  const texts = [
    '',
    'plain',
    'NULL',
    null,
    '{"a": ["b\\"c", "\\\\d"]}',
    '{a,b}',
    ' blank ',
    "it's",
    'line\nnext\ttab\u0001',
    'é ☎ 😀',
    'C:\\n\\u0041',
  ];
  expect(await read('text', texts)).toEqual(texts);
  expect(await read('text', ['"\\', null])).toEqual(['"\\', null]);
  // PostgreSQL's text cannot hold half a character.
  expect(await read('text', ['\ud83d'])).toEqual(['\ufffd']);
});

it('numbers, booleans, times and uuids arrive as they are', async () => {
  expect(await read('integer', [1, -2, null])).toEqual([1, -2, null]);
  expect(await read('float8', [0.5, 1e300, Infinity, NaN])).toEqual([0.5, 1e300, Infinity, NaN]);
  expect(await read('boolean', [true, false, null])).toEqual([true, false, null]);
  expect(await read('bigint', ['9223372036854775807'])).toEqual(['9223372036854775807']);
  const at = new Date('2026-11-28T03:11:32.123Z');
  expect(await read('timestamptz', [at, null])).toEqual([at, null]);
  const id = '3f2b1c9e-6a75-4e0b-9a6e-0c8c3c1b2a11';
  expect(await read('uuid', [id, undefined])).toEqual([id, null]);
});

it('an array without values is one, and what is no array is left alone', async () => {
  expect(await read('text', [])).toEqual([]);
  expect(toDriver(['{a}', 1, null, true])).toEqual(['{a}', 1, null, true]);
});
