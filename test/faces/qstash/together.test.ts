import { Logger } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { answersTo, outcomeOf } from '../../../src/faces/qstash/together.js';
import { DatabaseUnavailableError } from '../../../src/database/database-errors.js';
import { Problem } from '../../../src/http/problem.js';

Logger.overrideLogger(false);
const accepted = () => outcomeOf(Promise.resolve({ messageId: 'msg_1' }));
const failed = (error: Error) => outcomeOf(Promise.reject<{ messageId: string }>(error));
const refused = () => failed(new Problem(400, 'invalid-request', 'not this one'));
const cutOff = () => failed(new DatabaseUnavailableError(new Error('gone')));

describe('What is asked for together', () => {
  it('has its error in the place of each that is refused, or that an outage cut off', async () => {
    const outcomes = await Promise.all([refused(), accepted(), cutOff(), failed(new Error('a secret'))]);
    expect(answersTo(outcomes)).toEqual([
      { error: 'not this one' },
      { messageId: 'msg_1' },
      { error: expect.stringMatching(/^PostgreSQL cannot be reached/) },
      { error: expect.stringMatching(/^something went wrong here/) },
    ]);
  });

  it('fails by an outage where nothing was accepted: its status is not one of acceptance', async () => {
    const outcomes = await Promise.all([refused(), cutOff()]);
    expect(() => answersTo(outcomes)).toThrow(/PostgreSQL cannot be reached/);
  });

  it('fails by what it is refused for only where it is one', async () => {
    const outcomes = await Promise.all([refused(), refused()]);
    expect(answersTo(outcomes)).toEqual([{ error: 'not this one' }, { error: 'not this one' }]);
    expect(() => answersTo(outcomes, { asOne: true })).toThrow(/not this one/);
    expect(answersTo([], { asOne: true })).toEqual([]);
  });
});
