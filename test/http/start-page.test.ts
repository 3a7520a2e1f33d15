import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inputSchema } from '../../src/faces/input-schema.js';
import { newDatabase } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

let service: Service;
beforeAll(async () => {
  service = await Service.start({
    ...sharedBy(await newDatabase()),
    RINGBACK_HANDLERS: 'dist/examples/handlers.js',
  });
}, 60_000);
afterAll(() => service[Symbol.asyncDispose]());

describe('the first page', () => {
  it('shows people where to go, in a browser; for programs there is none', async () => {
    const anybody = service.client.withKey('none');
    const page = await anybody.get('/', { accept: 'text/html,*/*;q=0.8' });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, link]) => link!);
    expect(links).toEqual(expect.arrayContaining(['docs', 'openapi.json', 'health/ready']));
    for (const link of links) expect((await anybody.get(`/${link}`)).status, link).toBe(200);
    const { status, body } = await anybody.get('/');
    expect([status, body.code]).toEqual([404, 'not-found']);
  });
});

describe('the input of an operation type', () => {
  it('has a description of every field, of the built-in types and of the examples', async () => {
    const { data } = (await service.client.get('/v1/operation-types')).body;
    const fields = (data as any[]).flatMap(({ name, input_schema: schema }) =>
      Object.entries<any>(schema.properties ?? {}).map(([field, { description }]) => [
        name,
        field,
        description,
      ]),
    );
    expect(fields.length).toBeGreaterThan(10);
    expect(fields.filter(([, , description]) => !/^\S.{5,}$/.test(description ?? ''))).toEqual([]);
  });

  it('has one where @ApiProperty gives it', () => {
    class Input {
      @IsString()
      @ApiProperty({ description: 'Where to look' })
      place: string;
    }
    expect(inputSchema(Input)['properties']).toEqual({
      place: { type: 'string', description: 'Where to look' },
    });
  });
});
