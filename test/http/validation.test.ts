import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsInt, IsObject, IsOptional, Max, ValidateNested } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { validated, withoutFields } from '../../src/config/validation.js';

class Part {
  @IsOptional()
  @Max(5)
  @IsInt()
  size?: number;
}

class Given {
  @IsOptional()
  @IsObject()
  labels?: Record<string, unknown>;

  @IsOptional()
  @ValidateNested({ each: true })
  @ArrayMaxSize(2)
  @IsArray()
  @Type(() => Part)
  parts?: Part[];

  #kept = 0;

  get doubled(): number {
    return 2 * this.#kept;
  }

  set level(level: number) {
    this.#kept = level;
  }

  total(): number {
    return this.#kept;
  }
}

const pathsOf = async (given: object): Promise<string[]> =>
  (await validated(Given, given)).errors.map(({ path }) => path);

describe('what a class is given', () => {
  it.each<[given: object, paths: string[]]>([
    [{ total: 1 }, ['total']],
    [{ doubled: 1 }, ['doubled']],
    [{ other: 1, toString: 1 }, ['other', 'toString']],
    [{ parts: [{}, { valueOf: {}, size: '1' }] }, ['parts.1.size', 'parts.1.valueOf']],
    [{ level: 5 }, []],
    [{ labels: { toString: 'x' }, parts: [{ size: 1 }] }, []],
  ])('has no fields that its class doesn’t declare, whatever members it has: %j', async (given, paths) => {
    expect(await pathsOf(given)).toEqual(paths);
  });

  it('can be freed of the fields that nobody declared, wherever they are, and of no others', async () => {
    const given: Record<string, unknown> & { parts: object[] } = {
      'a.b': 1,
      toString: 2,
      labels: { any: 1, toString: 2 },
      parts: [
        { size: 1, valueOf: 3 },
        { size: 9, 'x.y': { z: 1 } },
      ],
    };
    const { unknown } = await validated(Given, given);
    const kept = withoutFields(given, unknown);
    expect(kept).toEqual({ labels: { any: 1, toString: 2 }, parts: [{ size: 1 }, { size: 9 }] });
    expect(await pathsOf(kept)).toEqual(['parts.1.size']);
    expect(given.parts[0]).toEqual({ size: 1, valueOf: 3 });
  });

  it('keeps the keys of an object of no class, whatever they are', async () => {
    const labels = { toString: 'x', deep: [{ valueOf: { hasOwnProperty: 1 } }], plain: 1 };
    expect((await validated(Given, { labels })).value.labels).toEqual(labels);
  });

  it.each<[given: object, message: string]>([
    [{ parts: [{ size: '9' }] }, 'size must be an integer number'],
    [{ parts: [{ size: 9 }] }, 'size must not be greater than 5'],
    [{ parts: {} }, 'parts must be an array'],
    [{ parts: [{}, {}, { size: '9' }] }, 'parts must contain no more than 2 elements'],
  ])('is told of its type first, in whatever order the rules are declared: %j', async (given, message) => {
    expect((await validated(Given, given)).errors.map((error) => error.message)).toEqual([message]);
  });
});
