import { readFileSync } from 'node:fs';
import { SaxesParser } from 'saxes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import ExampleHandlersModule from '../../examples/handlers.js';
import { MAX_FILE_BYTES, readSegments } from '../../examples/segments/read-segments.js';
import type { Segment } from '../../examples/segments/segment.js';
import { App } from '../support/app.js';
import { Receiver, verify } from '../support/receiver.js';

const DATA = new URL('../data/segments/', import.meta.url);
const bytesOf = (path: string): Buffer => readFileSync(new URL(path, DATA));

let app: App;

beforeAll(async () => {
  app = await App.start({}, [ExampleHandlersModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

/** What a translation tool sees in the file; throws where it isn't well formed. */
function parseXliff(xml: string): { file: Record<string, string>; units: Segment[] } {
  const parser = new SaxesParser({ xmlns: true });
  const units: Segment[] = [];
  const path: string[] = [];
  let file: Record<string, string> = {};
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ local, attributes }) => {
    path.push(local);
    const values = Object.fromEntries(Object.entries(attributes).map(([name, { value }]) => [name, value]));
    if (local === 'file') file = values;
    if (local === 'trans-unit') units.push({ id: values['id']!, source: '', target: '' });
  });
  parser.on('text', (text) => {
    const element = path.at(-1);
    if (path.at(-2) === 'trans-unit' && (element === 'source' || element === 'target'))
      units.at(-1)![element] += text;
  });
  parser.on('closetag', () => void path.pop());
  parser.write(xml).close();
  return { file, units };
}

const pairsOf = (segments: readonly Segment[]) => segments.map(({ source, target }) => [source, target]);

/** Country names in English and another language, as the array a provider would export. */
function countries(language: string): Segment[] {
  const names = (code: string) =>
    (
      JSON.parse(bytesOf(`iso-countries/${code}.json`).toString()) as {
        countries: Record<string, string | string[]>;
      }
    ).countries;
  const [sources, targets] = [names('en'), names(language)];
  const first = (name: string | string[] | undefined): string => [name ?? ''].flat()[0]!;
  return Object.keys(sources).map((id) => ({ id, source: first(sources[id]), target: first(targets[id]) }));
}

function csvOf(segments: readonly Segment[]): string {
  const quoted = (field: string): string => `"${field.replaceAll('"', '""')}"`;
  return [
    'id,source,target',
    ...segments.map(({ id, source, target }) => [id, source, target].map(quoted).join()),
  ].join('\r\n');
}

/** All of Volto's languages in one file: 5,165 segments. */
function joinedVolto(): Segment[] {
  return ['de', 'fr', 'hi', 'ja', 'zh_CN'].flatMap((language) =>
    readSegments({ name: 'volto.po', bytes: bytesOf(`volto/${language}.po`) }).segments.map(
      ({ id, source, target }) => ({
        id: `${language}:${id}`,
        source,
        target,
      }),
    ),
  );
}

async function uploadForm(name: string, bytes: Uint8Array, type = ''): Promise<string> {
  const form = new FormData();
  form.append('file', new File([bytes as Uint8Array<ArrayBuffer>], name, { type }));
  const encoded = new Response(form);
  const answer = await app.client.request('POST', '/v1/files', new Uint8Array(await encoded.arrayBuffer()), {
    'content-type': encoded.headers.get('content-type')!,
  });
  expect(answer.status).toBe(201);
  return answer.body.id;
}

async function uploadRaw(name: string, bytes: Uint8Array, type: string): Promise<string> {
  const answer = await app.client.request('POST', `/v1/files?name=${encodeURIComponent(name)}`, bytes, {
    'content-type': type,
  });
  expect(answer.status).toBe(201);
  return answer.body.id;
}

const submit = (file: string, target_language: string, more: Record<string, unknown> = {}) =>
  app.client.submit({
    type: 'segments.export',
    input: { file, source_language: 'en', target_language },
    ...more,
  });

const FILES: {
  what: string;
  name: string;
  filename: string;
  language: string;
  bytes: () => Uint8Array;
  upload: (name: string, bytes: Uint8Array) => Promise<string>;
  samples: [source: string, target: string][];
}[] = [
  {
    what: 'PO with contexts and plural forms (Polish, multipart)',
    name: 'django.po',
    filename: 'django.pl.xlf',
    language: 'pl',
    bytes: () => bytesOf('django/pl.po'),
    upload: uploadForm,
    samples: [
      ['March', 'marca'],
      ['%(num)d years', '%(num)d lat'],
    ],
  },
  {
    what: 'PO right to left with six plural forms (Arabic, raw)',
    name: 'django.po',
    filename: 'django.ar.xlf',
    language: 'ar',
    bytes: () => bytesOf('django/ar.po'),
    upload: (name, bytes) => uploadRaw(name, bytes, 'text/x-gettext-translation'),
    samples: [['Monday', 'الاثنين']],
  },
  {
    what: 'PO in ISO-8859-13 (small, multipart)',
    name: 'latin13.po',
    filename: 'latin13.et.xlf',
    language: 'et',
    bytes: () => bytesOf('gettext/latin13.po'),
    upload: uploadForm,
    samples: [['o3-õäöü', 't3-žš']],
  },
  {
    what: 'JSON (Japanese country names, raw)',
    name: 'countries.json',
    filename: 'countries.ja.xlf',
    language: 'ja',
    bytes: () => Buffer.from(JSON.stringify(countries('ja'))),
    upload: (name, bytes) => uploadRaw(name, bytes, 'application/json'),
    samples: [['Germany', 'ドイツ']],
  },
  {
    what: 'CSV with a unicode name (French country names, multipart)',
    name: 'Pays – été.csv',
    filename: 'Pays – été.fr.xlf',
    language: 'fr',
    bytes: () => Buffer.from(csvOf(countries('fr'))),
    upload: (name, bytes) => uploadForm(name, bytes, 'text/csv'),
    samples: [['Germany', 'Allemagne']],
  },
  {
    what: 'JSON of more than 5,000 segments in five languages (raw)',
    name: 'volto.json',
    filename: 'volto.mul.xlf',
    language: 'mul',
    bytes: () => Buffer.from(JSON.stringify(joinedVolto())),
    upload: (name, bytes) => uploadRaw(name, bytes, 'application/json'),
    samples: [
      ['Add', 'Hinzufügen'],
      ['Add', '追加'],
    ],
  },
];

describe('segments.export of a real file', () => {
  it.each(FILES)('gives XLIFF with every segment: $what', async (file) => {
    await using receiver = await Receiver.answering(200);
    const bytes = file.bytes();
    const { segments } = readSegments({ name: file.name, bytes });
    const id = await file.upload(file.name, bytes);
    const operation = await submit(id, file.language, { callback: { url: receiver.url } });

    const event = verify(await app.client.signingSecret(), (await receiver.received(1))[0]!);
    const ended = await app.client.ended(operation.id);
    expect(event.type).toBe('operation.finished');
    expect({ ...event.data, callback: null }).toEqual({ ...ended, callback: null });
    expect(ended).toMatchObject({ status: 'Finished', attempt: 1, progress: 100 });
    expect(ended.status_text).toBe(`Exported ${segments.length} segments`);
    expect(ended.custom).toEqual({ fileref: ended.file, filename: file.filename, segments: segments.length });

    const result = await app.client.get(`/v1/operations/${operation.id}/result`);
    expect(result.status).toBe(200);
    expect(result.headers.get('content-type')).toBe('application/xliff+xml');
    expect(result.headers.get('content-disposition')).toContain(
      `filename*=UTF-8''${encodeURIComponent(file.filename)}`,
    );
    const xliff = parseXliff(result.text);
    expect(xliff.file).toMatchObject({
      original: file.name,
      'source-language': 'en',
      'target-language': file.language,
    });
    expect(pairsOf(xliff.units)).toEqual(pairsOf(segments));
    for (const sample of file.samples) expect(pairsOf(xliff.units)).toContainEqual(sample);
    const again = await app.client.get(`/v1/files/${ended.custom.fileref}/content`);
    expect(again.text).toBe(result.text);
  });

  it('shows how far it is, in the history and while it runs', async () => {
    const segments = joinedVolto();
    expect(segments.length).toBeGreaterThan(5000);
    const id = await uploadRaw('volto.json', Buffer.from(JSON.stringify(segments)), 'application/json');
    const operation = await submit(id, 'mul');
    await app.client.ended(operation.id);
    const { data } = (await app.client.get(`/v1/operations/${operation.id}/history`)).body;
    const progress = data.filter((entry: { kind: string }) => entry.kind === 'progress');
    expect(progress.length).toBeGreaterThan(0);
    for (const { text, progress: percent } of progress) {
      const done = Number(/^Exporting (\d+) of 5165$/.exec(text)?.[1]);
      expect(percent).toBeCloseTo((100 * done) / 5165, 1);
    }
    expect(progress.at(-1).text).toBe('Exporting 5165 of 5165');
    expect(data.at(-2)).toMatchObject({ kind: 'log', text: 'Exported 5165 segments of volto.json' });
    expect(data.at(-1)).toMatchObject({ kind: 'transition', status: 'Finished' });
  });

  it('has a result that can be read in parts', async () => {
    const operation = await submit(await uploadForm('latin13.po', bytesOf('gettext/latin13.po')), 'et');
    await app.client.ended(operation.id);
    const path = `/v1/operations/${operation.id}/result`;
    const whole = Buffer.from((await app.client.get(path)).text);
    const part = await app.client.get(path, { range: 'bytes=5-14' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 5-14/${whole.length}`);
    expect(part.text).toBe(whole.subarray(5, 15).toString());
    const end = await app.client.get(path, { range: 'bytes=-9' });
    expect([end.status, end.text]).toEqual([206, '</xliff>\n']);
    const beyond = await app.client.get(path, { range: `bytes=${whole.length}-` });
    expect(beyond.status).toBe(416);
    expect(beyond.body.code).toBe('range-not-satisfiable');
    expect(beyond.headers.get('content-range')).toBe(`bytes */${whole.length}`);
  });
});

describe('segments.export', () => {
  it.each([
    ['broken.po', 'msgid "a"\nmsgstr "b', /^broken\.po, line 2: a string is not closed/],
    ['broken.json', '[{"id":"1","source":"a"},', /^broken\.json, line 1: this is no JSON/],
    ['broken.csv', 'id,source\n1,a', /^broken\.csv, line 1: .* no target$/],
    ['empty.po', '', /^empty\.po: the file holds no segments$/],
  ])('fails for good on %s, and says so in the callback', async (name, text, message) => {
    await using receiver = await Receiver.answering(200);
    const id = await uploadForm(name, Buffer.from(text));
    const operation = await submit(id, 'fr', { callback: { url: receiver.url } });
    const event = verify(await app.client.signingSecret(), (await receiver.received(1))[0]!);
    expect(event).toMatchObject({ type: 'operation.failed', data: { id: operation.id, status: 'Failed' } });
    const ended = await app.client.ended(operation.id);
    expect(ended).toMatchObject({ attempt: 1, result: null, custom: null, file: null });
    expect(ended.error).toEqual({ code: 'unreadable_file', message: expect.stringMatching(message) });
    expect(ended.status_info).toBe(ended.error.message);
    const result = await app.client.get(`/v1/operations/${operation.id}/result`);
    expect([result.status, result.body.code]).toEqual([404, 'no-result']);
  });

  it('refuses a file over its limit without reading it', async () => {
    const id = await uploadRaw('huge.po', Buffer.alloc(MAX_FILE_BYTES + 1, '#'), 'text/x-po');
    const ended = await app.client.ended((await submit(id, 'fr')).id);
    expect(ended).toMatchObject({ status: 'Failed', attempt: 1, error: { code: 'unreadable_file' } });
    expect(ended.error.message).toContain('larger than');
  });

  it('fails on a file that does not exist, or is of another account', async () => {
    const other = await app.account('stranger');
    const theirs = await other.request('POST', '/v1/files?name=a.csv', 'id,source,target\n1,a,b', {
      'content-type': 'text/csv',
    });
    for (const id of [`file_${'0'.repeat(32)}`, 'nothing', theirs.body.id]) {
      const ended = await app.client.ended((await submit(id, 'fr')).id);
      expect(ended).toMatchObject({ status: 'Failed', attempt: 1, error: { code: 'file_not_found' } });
    }
  });

  it('refuses input that is missing, misspelt or no language at submit, with the path', async () => {
    const pathsOf = async (input: unknown) => {
      const answer = await app.client.post('/v1/operations', { type: 'segments.export', input });
      expect(answer.status).toBe(422);
      return answer.body.errors.map(({ path }: { path: string }) => path).toSorted();
    };
    expect(await pathsOf({})).toEqual(['input.file', 'input.source_language', 'input.target_language']);
    const input = { file: 'f', source_language: 'en', target_language: 'fr' };
    expect(await pathsOf({ ...input, target_language: 'en_US' })).toEqual(['input.target_language']);
    expect(await pathsOf({ ...input, target_language: '' })).toEqual(['input.target_language']);
    expect(await pathsOf({ ...input, source_language: ['en'] })).toEqual(['input.source_language']);
    expect(await pathsOf({ ...input, langauge: 'fr' })).toEqual(['input.langauge']);
  });

  it('is described with the schema of its input', async () => {
    const { body } = await app.client.get('/v1/operation-types/segments.export');
    expect(body).toMatchObject({ name: 'segments.export', title: 'Export segments as XLIFF' });
    const schema = Object.values(body).find((value) => typeof value === 'object' && value !== null) as {
      required: string[];
    };
    expect(schema.required).toEqual(['file', 'source_language', 'target_language']);
  });
});
