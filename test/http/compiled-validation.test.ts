import 'reflect-metadata';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { madeAtOnce } from '../../src/config/compiled-validation.js';
import { validated, validatedInFull } from '../../src/config/validation.js';
import { ListOperationsQuery, SubmitOperationRequest } from '../../src/faces/native/operation.request.js';

const ANY = fc.oneof(
  fc.constantFrom(
    null,
    '',
    'echo',
    'https://example.com/x',
    'true',
    '2027-01-01T00:00:00Z',
    true,
    0,
    7,
    1e9,
    -0.5,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const HEADERS = fc.oneof(
  ANY,
  fc.array(fc.oneof(ANY, fc.record({ key: ANY, value: ANY, extra: ANY }, { requiredKeys: [] })), {
    maxLength: 3,
  }),
);
const CALLBACK = fc.oneof(
  ANY,
  fc.record({ url: ANY, headers: HEADERS, toString: ANY }, { requiredKeys: [] }),
);
const SUBMIT = fc.record(
  {
    type: ANY,
    input: ANY,
    callback: CALLBACK,
    correlation: ANY,
    priority: ANY,
    run_at: ANY,
    timeout_s: ANY,
    ack_by_poll: ANY,
    retention: ANY,
    toString: ANY,
    unknown: ANY,
  },
  { requiredKeys: [] },
);

it('what is made at once is what class-transformer and class-validator let through, and nothing else is', async () => {
  await fc.assert(
    fc.asyncProperty(SUBMIT, async (given) => {
      const full = await validatedInFull(SubmitOperationRequest, structuredClone(given));
      const quick = await validated(SubmitOperationRequest, structuredClone(given));
      expect(quick.errors).toEqual(full.errors);
      expect(quick.unknown).toEqual(full.unknown);
      if (full.errors.length > 0) expect(madeAtOnce(SubmitOperationRequest, given)).toBeUndefined();
      else expect(quick.value).toStrictEqual(full.value);
    }),
    { numRuns: 3_000 },
  );
});

it('ordinary requests are made at once, with what is in them', () => {
  const submit = {
    type: 'echo',
    input: { a: [1, { b: null }] },
    callback: { url: 'https://example.com/', headers: [{ key: 'x-a', value: 'b' }] },
    priority: 3,
    correlation: null,
  };
  const made = madeAtOnce(SubmitOperationRequest, submit);
  expect(made).toBeInstanceOf(SubmitOperationRequest);
  expect(made).toMatchObject(submit);
  expect(made!.callback!.headers![0]!.constructor.name).toBe('CallbackHeaderRequest');
  expect(madeAtOnce(ListOperationsQuery, { limit: '10', status: 'Failed' })).toMatchObject({ limit: '10' });
  expect(madeAtOnce(ListOperationsQuery, { limit: '0' })).toBeUndefined();
});
