import { describe, expect, it } from 'vitest';
import { fieldsOf, initialValues, readInput, readJson, valuesOf } from '../../console/src/schema-fields.js';

const SCHEMA = {
  type: 'object',
  properties: {
    tries: { type: 'integer', minimum: 1 },
    file: { type: 'string', description: 'Id of an uploaded file.' },
    format: { type: 'string', enum: ['xliff', 'tmx'] },
    strict: { type: 'boolean', default: true },
    tags: { type: 'array', items: { type: 'string' } },
    headers: { type: 'object' },
  },
  required: ['file'],
};

describe('a form made of a JSON Schema', () => {
  const fields = fieldsOf(SCHEMA)!;

  it('has a field for each property, required ones first', () => {
    expect(fields.map(({ name, control, isRequired }) => [name, control, isRequired])).toEqual([
      ['file', 'text', true],
      ['tries', 'number', false],
      ['format', 'choice', false],
      ['strict', 'checkbox', false],
      ['tags', 'lines', false],
      ['headers', 'json', false],
    ]);
  });

  it('leaves out what was left empty', () => {
    const read = readInput(fields, { ...initialValues(fields), file: 'file_1' });
    expect(read).toEqual({ input: { file: 'file_1', strict: true }, errors: null });
  });

  it('reads each value as its schema says', () => {
    const input = {
      file: '12',
      tries: 3,
      format: 'tmx',
      strict: false,
      tags: ['a', 'b'],
      headers: { accept: 'text/csv' },
    };
    expect(readInput(fields, valuesOf(fields, input))).toEqual({ input, errors: null });
  });

  it('names what is missing or no value of its kind', () => {
    const values = { ...initialValues(fields), tries: '1.5', headers: '{' };
    expect(readInput(fields, values).errors).toEqual({
      file: 'must be given',
      tries: 'must be a whole number',
      headers: expect.stringContaining('no JSON'),
    });
  });

  it('is JSON text for a type that takes anything', () => {
    expect(fieldsOf({})).toBeNull();
    expect(readJson('[1]')).toEqual({ value: [1], error: null });
  });
});
