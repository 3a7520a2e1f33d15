import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { MAX_FILE_BYTES, readSegments } from '../../examples/segments/read-segments.js';
import { type Segment, UnreadableFileError } from '../../examples/segments/segment.js';
import { writeXliff, type XliffOptions } from '../../examples/segments/write-xliff.js';

const DATA = new URL('../data/segments/', import.meta.url);
const OPTIONS: XliffOptions = {
  original: 'test.po',
  datatype: 'po',
  sourceLanguage: 'en',
  targetLanguage: 'fr',
};

const bytesOf = (path: string): Buffer => readFileSync(new URL(path, DATA));
const readReal = (path: string): Segment[] => readSegments({ name: path, bytes: bytesOf(path) }).segments;
const read = (name: string, text: string, contentType?: string): Segment[] =>
  readSegments({ name, bytes: Buffer.from(text), contentType }).segments;

/** Joins two monolingual files of a package into segments, as a provider's export would. */
function joined(source: Record<string, unknown>, target: Record<string, unknown>): Segment[] {
  const first = (value: unknown): string => String(Array.isArray(value) ? value[0] : (value ?? ''));
  return Object.entries(source).map(([id, text]) => ({ id, source: first(text), target: first(target[id]) }));
}

function countries(language: string): Segment[] {
  const namesIn = (code: string) =>
    (JSON.parse(bytesOf(`iso-countries/${code}.json`).toString()) as { countries: Record<string, unknown> })
      .countries;
  return joined(namesIn('en'), namesIn(language));
}

function languageNames(): Segment[] {
  const namesIn = (code: string) => {
    const { main } = JSON.parse(bytesOf(`cldr/${code}.json`).toString()) as {
      main: Record<string, { localeDisplayNames: { languages: Record<string, string> } }>;
    };
    return main[code]?.localeDisplayNames.languages ?? {};
  };
  return joined(namesIn('en'), namesIn('ar'));
}

const csvOf = (segments: Segment[], mark = ','): string =>
  ['id,source,target'.replaceAll(',', mark)]
    .concat(segments.map(({ id, source, target }) => [id, source, target].map(quoted).join(mark)))
    .join('\r\n');
const quoted = (field: string): string =>
  /[",;\t\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;

function exported(segments: Segment[], options: Partial<XliffOptions> = {}): string {
  return [...writeXliff(segments, { ...OPTIONS, ...options })].map(({ text }) => text).join('');
}

interface Unit {
  id: string;
  approved: boolean;
  /** Of the group around it. */
  group?: Record<string, string>;
  contexts: string[];
  source: string;
  target: string;
  state: string;
  note?: string;
}

/** Parses with a strict XML parser, namespaces checked, and answers what a translation tool would see. */
function parseXliff(xml: string): { file: Record<string, string>; units: Unit[] } {
  const parser = new SaxesParser({ xmlns: true });
  const units: Unit[] = [];
  const path: string[] = [];
  let file: Record<string, string> = {};
  let group: { attributes: Record<string, string>; contexts: string[] } | undefined;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ local, uri, attributes }) => {
    expect(uri).toBe('urn:oasis:names:tc:xliff:document:1.2');
    const values = Object.fromEntries(Object.entries(attributes).map(([name, { value }]) => [name, value]));
    path.push(local);
    if (local === 'file') file = values;
    if (local === 'group') group = { attributes: values, contexts: [] };
    if (local === 'trans-unit') {
      expect(values['xml:space']).toBe('preserve');
      const approved = values['approved'] === 'yes';
      const around = group && { group: group.attributes };
      const contexts = [...(group?.contexts ?? [])];
      units.push({
        id: values['id'] ?? '',
        approved,
        ...around,
        contexts,
        source: '',
        target: '',
        state: '',
      });
    }
    if (local === 'context') (path.includes('trans-unit') ? units.at(-1) : group)!.contexts.push('');
    if (local === 'target') Object.assign(units.at(-1) ?? {}, { state: values['state'] });
  });
  parser.on('text', (text) => {
    const [parent, element] = path.slice(-2);
    const unit = units.at(-1);
    if (element === 'context') {
      const { contexts } = path.includes('trans-unit') ? unit! : group!;
      contexts.push(contexts.pop()! + text);
    }
    if (parent !== 'trans-unit' || unit === undefined) return;
    if (element === 'source' || element === 'target') unit[element] += text;
    if (element === 'note') unit.note = (unit.note ?? '') + text;
  });
  parser.on('closetag', ({ local }) => {
    path.pop();
    if (local === 'group') group = undefined;
  });
  parser.write(xml).close();
  return { file, units };
}

const wordsOf = ({ id, source, target }: Segment | Unit) => ({ id, source, target });

describe('Real translation files', () => {
  it.each(['volto/fr.po', 'volto/ja.po', 'django/pl.po', 'django/ar.po', 'gettext/latin13.po'])(
    'like %s become XLIFF that holds every segment unchanged',
    async (path) => {
      const segments = readReal(path);
      const { file, units } = parseXliff(exported(segments, { original: path }));
      expect(file).toEqual({
        original: path,
        'source-language': 'en',
        'target-language': 'fr',
        datatype: 'po',
      });
      expect(units.map(wordsOf)).toEqual(segments.map(wordsOf));
      expect(units.map(({ note }) => note)).toEqual(segments.map(({ note }) => note));
      expect(new Set(units.map(({ id }) => id)).size).toBe(segments.length);
    },
  );

  it('of five languages, joined, become one XLIFF of more than 5,000 segments with unique ids', async () => {
    const files = readdirSync(new URL('volto/', DATA)).filter((name) => name.endsWith('.po'));
    const segments = files.flatMap((name) => readReal(`volto/${name}`));
    expect(segments.length).toBe(5 * 1033);
    const { units } = parseXliff(exported(segments));
    expect(units.map(({ source, target }) => [source, target])).toEqual(
      segments.map(({ source, target }) => [source, target]),
    );
    expect(new Set(units.map(({ id }) => id)).size).toBe(segments.length);
  });

  it('in JSON and in CSV, with any separator and with a byte order mark, hold the same segments', () => {
    for (const segments of [countries('fr'), countries('ja'), languageNames()]) {
      expect(segments.length).toBeGreaterThan(200);
      const files = {
        'a.json': JSON.stringify(segments, null, 2),
        'a.csv': csvOf(segments),
        'b.csv': csvOf(segments, ';'),
      };
      const tabs = csvOf(segments, '\t');
      for (const [name, text] of Object.entries({ ...files, 'a.tsv': tabs })) {
        expect(read(name, text)).toEqual(segments);
        expect(read(name, `\u{FEFF}${text}`)).toEqual(segments);
      }
      const utf16 = Buffer.from(`\u{FEFF}${tabs}`, 'utf16le');
      expect(readSegments({ name: 'excel.txt', bytes: utf16 }).segments).toEqual(segments);
    }
  });

  it('keep the order of the file, contexts and plural forms', () => {
    const text = bytesOf('django/pl.po').toString();
    const segments = readReal('django/pl.po');
    const places = segments
      .filter(({ source, id }) => !id.includes('[') && source.length > 25 && !/["\n]/.test(source))
      .map(({ source }) => text.indexOf(`msgid "${source}"`))
      .filter((place) => place >= 0);
    expect(places.length).toBeGreaterThan(30);
    expect(places).toEqual(places.toSorted((a, b) => a - b));

    const march = segments
      .filter(({ source }) => source === 'March')
      .map(({ target, note }) => [target, note]);
    expect(march).toEqual([
      ['Marzec', undefined],
      ['Mar.', 'Context: abbrev. month'],
      ['marca', 'Context: alt. month'],
    ]);

    const years = segments.filter(({ source }) => source === '%(num)d year' || source === '%(num)d years');
    expect(years.map(({ target }) => target)).toEqual([
      '%(num)d rok',
      '%(num)d lata',
      '%(num)d lat',
      '%(num)d roku',
    ]);
    expect(years.map(({ id }) => id.slice(-3))).toEqual(['[0]', '[1]', '[2]', '[3]']);
    expect(years[2]?.note).toMatch(/^Plural form 2 of 4: nplurals=4;/);
  });

  it('in another charset than UTF-8 are read by the charset of their header', () => {
    expect(readReal('gettext/latin13.po')).toContainEqual({
      id: expect.any(String) as string,
      source: 'o3-õäöü',
      target: 't3-žš',
      note: 'Normal string with special chars',
    });
  });

  it('keep the ids of their entries when entries are added before them', () => {
    const before = read('a.po', 'msgid "b"\nmsgstr ""');
    const after = read('a.po', 'msgid "a"\nmsgstr ""\n\nmsgid "b"\nmsgstr "x"');
    expect(after[1]?.id).toBe(before[0]?.id);
  });
});

describe('The format of a file', () => {
  const segments = [{ id: '1', source: 'yes', target: 'oui' }];
  const [json, csv, po] = [JSON.stringify(segments), csvOf(segments), 'msgid "yes"\nmsgstr "oui"\n'];

  it('is told by its name, else by its content type, else by how it begins', () => {
    for (const [name, text, contentType] of [
      ['a.JSON', json],
      ['upload', json, 'application/json; charset=utf-8'],
      ['upload', `\n ${json}`, 'application/octet-stream'],
      ['a.csv', csv, 'text/plain'],
      ['upload', csv, 'text/csv'],
      ['upload.txt', csv],
      ['fr.po', po, 'application/octet-stream'],
      ['upload', po, 'text/x-gettext-translation'],
      ['upload', `# French\n${po}`],
    ] as const) {
      expect(read(name, text, contentType)).toMatchObject([{ source: 'yes', target: 'oui' }]);
    }
  });

  it('is told through the line in which Excel names the separator', () => {
    for (const sep of ['sep=;\r\n', '\u{FEFF}SEP=;\n', '"sep=;"\n']) {
      const semicolons = csvOf([...segments, { id: '2', source: 'a,b', target: 'c' }], ';');
      expect(read('upload', sep + semicolons)).toEqual([
        ...segments,
        { id: '2', source: 'a,b', target: 'c' },
      ]);
    }
    expect(read('a.csv', `sep=|\n${csvOf(segments, '|')}`)).toEqual(segments);
    expect(read('a.csv', `sep=\t\n${csvOf(segments, '\t')}`)).toEqual(segments);
  });

  it('is asked for when nothing tells it', () => {
    expect(() => read('photo.png', '\u0001\u0002PNG')).toThrow('photo.png: this is neither a JSON array');
  });
});

describe('A JSON file', () => {
  it('keeps ids that are numbers as they are written, however large', () => {
    const ids = ['9007199254740993', '9007199254740992', '12345678901234567890123', '-1', '1.50', '1e3'];
    const items = ids.map((id) => `{"source":"a","target":null,"id" : ${id}}`);
    expect(read('a.json', `[${items.join(',')}]`).map(({ id }) => id)).toEqual(ids);
  });
});

describe('A gettext file', () => {
  it('may have fuzzy entries, marked for review, and obsolete ones, left out', async () => {
    const segments = read(
      'a.po',
      [
        'msgid ""\nmsgstr "Language: fr\\n"\n',
        '#, fuzzy, python-format\nmsgid "%d days"\nmsgstr "%d jour"\n',
        'msgid "no"\nmsgstr ""\n',
        'msgctxt "empty"\nmsgid ""\nmsgstr "vide"\n',
        '#~ msgid "old"\n#~ msgstr "vieux"\n',
      ].join('\n'),
    );
    expect(segments.map(({ source, target, fuzzy }) => [source, target, fuzzy])).toEqual([
      ['%d days', '%d jour', true],
      ['no', '', undefined],
      ['', 'vide', undefined],
    ]);
    const { units } = parseXliff(exported(segments));
    expect(units.map(({ state }) => state)).toEqual([
      'needs-review-translation',
      'needs-translation',
      'translated',
    ]);
  });

  it('keeps its order when contexts alternate and texts are numbers', () => {
    const text =
      'msgid "b"\nmsgstr ""\nmsgctxt "c"\nmsgid "x"\nmsgstr ""\nmsgid "1"\nmsgstr ""\nmsgid "a\\n"\n"\\"q\\""\nmsgstr ""';
    expect(read('a.po', text).map(({ source }) => source)).toEqual(['b', 'x', '1', 'a\n"q"']);
  });

  it('may have lines of any length, and several strings and keywords on one', () => {
    const long = 'x\\n'.repeat(2_000_000);
    expect(read('a.po', `msgid "${long}"\nmsgstr ""`)[0]!.source).toBe('x\n'.repeat(2_000_000));
    const strings = '"x" '.repeat(200_000);
    expect(read('a.po', `msgid ${strings} msgstr "y"`)[0]!.source).toBe('x'.repeat(200_000));
    expect(read('a.po', 'msgid"a"msgstr"b"msgid\n"c"\r\nmsgstr [0]""'.replace(' [0]', ''))).toMatchObject([
      { source: 'a', target: 'b' },
      { source: 'c', target: '' },
    ]);
  });

  it('has the escapes of C, as GNU gettext reads them', async () => {
    const [segment] = read(
      'a.po',
      String.raw`msgid "a\vb\033[1m\x41 \a\b\f\n\r\t\\n\"\1012\303\251\xc3\xa9"` + '\nmsgstr ""',
    );
    expect(segment!.source).toBe('a\vb\u001b[1mA \u0007\b\f\n\r\t\\n"A2éé');
    expect(parseXliff(exported([segment!])).units[0]!.source).toBe(
      'a\ufffdb\ufffd[1mA \ufffd\ufffd\ufffd\n\r\t\\n"A2éé',
    );
    const latin =
      'msgid ""\nmsgstr "Content-Type: text/plain; charset=ISO-8859-1\\n"\n\nmsgid "\\351"\nmsgstr ""';
    expect(read('a.po', latin)[0]!.source).toBe('é');
  });

  it('takes an empty context for another than none', async () => {
    const segments = read(
      'a.po',
      'msgctxt ""\nmsgid "a"\nmsgstr "x"\n\nmsgid "a"\nmsgstr "y"\n\nmsgctxt ""\nmsgid ""\nmsgstr "z"',
    );
    expect(segments.map(({ source, target, context }) => [source, target, context])).toEqual([
      ['a', 'x', ''],
      ['a', 'y', undefined],
      ['', 'z', ''],
    ]);
    expect(new Set(segments.map(({ id }) => id)).size).toBe(3);
  });

  it('has as many plural forms as its header says, those that are missing untranslated', () => {
    const header = 'msgid ""\nmsgstr "Plural-Forms: nplurals=3; plural=0;\\n"\n\n';
    const entry = 'msgid "a day"\nmsgid_plural "%d days"\nmsgstr[0] "dzień"\n';
    expect(read('pl.po', header + entry).map(({ source, target }) => [source, target])).toEqual([
      ['a day', 'dzień'],
      ['%d days', ''],
      ['%d days', ''],
    ]);
    const template = header.replace('nplurals=3', 'nplurals=INTEGER');
    expect(read('a.pot', `${template}${entry}msgstr[1] ""`)).toHaveLength(2);
  });

  it('gives no comment of an obsolete entry to the one after it', () => {
    const obsolete =
      '# old\n#, fuzzy\n#~ msgid "a"\n#~ msgstr ""\n\n#. new\n#: a.c:1\nmsgid "b"\nmsgstr "c"\n';
    expect(read('a.po', obsolete)).toEqual([expect.objectContaining({ source: 'b', note: 'new' })]);
    expect(read('a.po', obsolete)[0]!.fuzzy).toBeUndefined();
  });

  it('uses the plural as the source where a language has one form', () => {
    const [only, ...others] = read('ja.po', 'msgid "%d day"\nmsgid_plural "%d days"\nmsgstr[0] "%d 日"\n');
    expect(only).toMatchObject({ source: '%d days', target: '%d 日' });
    expect(others).toEqual([]);
  });
});

describe('A broken file is refused with the line at fault and the remedy:', () => {
  it.each<[string, string, number | undefined, string]>([
    ['a.po', 'msgid "a"\nmsgstr "b\n', 2, 'a string is not closed'],
    ['a.po', 'msgid "a"\nmsgstr "say "b" now"\n', 2, 'is no part of a PO file'],
    ['a.po', 'msgid "a"\nmsgstr "b"\n\nmsgfoo "c"\n', 4, '"msgfoo" is no part of a PO file'],
    ['a.po', 'msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', 4, 'there twice, first on line 1'],
    ['a.po', 'msgid "a"\n\nmsgid "b"\nmsgstr "c"\n', 1, 'has no msgstr'],
    ['a.po', 'msgstr "c"\n', 1, 'a msgstr without a msgid'],
    ['a.po', '"c"\n', 1, 'a string before any msgid'],
    ['a.po', '# nothing\n', undefined, 'holds no segments'],
    ['a.po', 'msgid "a\\q"\nmsgstr ""', 1, '\\q is no escape of a PO file'],
    ['a.po', 'msgid "a"\nmsgstr "it\\\'s"', 2, "\\' is no escape of a PO file"],
    ['a.po', 'msgid "a"\nmsgstr "\\xg"', 2, '\\x is no escape of a PO file'],
    ['a.po', 'msgid "a"\nmsgstr "b\\377c"', 2, '\\377 is no text in utf-8'],
    ['a.po', 'msgid "a"\nmsgstr "b\\"\n', 2, 'a string is not closed'],
    ['a.po', 'msgctxt "a"\n\nmsgid\nmsgstr "b"\n', 3, 'msgid has no string'],
    ['a.po', 'msgctxt "a"\nmsgctxt "b"\nmsgid "b"\nmsgstr "b"\n', 2, 'this msgctxt has no msgid'],
    ['a.po', 'msgid "a"\n#, fuzzy\nmsgstr "b"\n', 3, 'a comment stands inside of an entry'],
    ['a.po', 'msgid "a"\nmsgstr "b"\nmsgstr "c"\n', 3, 'this entry has two msgstr'],
    ['a.po', 'msgid "a"\nmsgstr[0] "b"\n', 2, 'msgstr[0] without a msgid_plural'],
    ['a.po', 'msgid[0] "a"\nmsgstr "b"\n', 1, 'msgid has no number'],
    ['a.po', 'msgid "a"\nmsgid_plural "b"\nmsgstr "c"\n', 3, 'has msgstr[0], msgstr[1]'],
    ['a.po', 'msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\nmsgstr[2] "d"\n', 4, 'msgstr[1] is next'],
    ['a.po', 'msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\nmsgstr[0] "d"\n', 4, 'msgstr[1] is next'],
    ['a.po', 'msgid "a"\nmsgstr "c"\nmsgid_plural "b"\n', 3, 'right after the msgid'],
    [
      'a.po',
      'msgid ""\nmsgstr "Plural-Forms: nplurals=1; plural=0;\\n"\n\nmsgid "a"\nmsgid_plural "b"\nmsgstr[0] ""\nmsgstr[1] ""\n',
      4,
      'remove msgstr[1], or mend the header',
    ],
    [
      'a.po',
      '\nmsgid ""\nmsgstr "Plural-Forms: nplurals=1000000; plural=0;\\n"\n\nmsgid "a"\nmsgstr "b"\n',
      2,
      'languages have 1 to 10 forms',
    ],
    [
      'a.json',
      '[\n{"id": "1", "source": "a", "target": "b"},\n{"id": 2, source: "a"}]',
      3,
      'this is no JSON',
    ],
    ['a.json', '[\n{"id": "1",', 2, 'this is no JSON'],
    [
      'a.json',
      '[{"id": "1", "source": "a,[{"},\n\n {"id": "2"}\n]',
      3,
      '"source" of "2" must be a text, and is missing',
    ],
    ['a.json', '[\n{"source": "a"}]', 2, 'item 1: "id" must be a text or a number, and is missing'],
    [
      'a.json',
      '[\n{"id": 1, "source": "a", "target": {}}]',
      2,
      '"target" of "1" must be a text, and is an object',
    ],
    [
      'a.json',
      '["a"]',
      1,
      'item 1: a JSON file must be an array of { "id", "source", "target" }, and this is a text',
    ],
    ['a.json', '{"common": {"yes": "oui"}}', undefined, 'the nested form of i18next is not read'],
    ['a.json', '[]', undefined, 'holds no segments'],
    ['a.csv', 'id,source\n1,a\n', 1, 'has no target'],
    ['a.csv', 'id,source,target,id\n1,a,b,c\n', 1, 'two columns are named "id"'],
    ['a.csv', 'id,source,target\n1,a,b\n2,a\n', 3, 'more or fewer fields'],
    ['a.csv', 'id,source,target\n1,a,b\n2,"a,b\n', 3, 'never closed'],
    ['a.csv', 'id,source,target\n1,a,b\n2,"a"x,b\n', 3, 'a quote stands inside a field'],
    ['a.csv', 'id,source,target\n1,a,b\n,a,b\n', 3, 'the id is empty'],
    ['a.csv', 'sep=;\nid;source\n1;a\n', 2, 'has no target'],
    ['a.csv', 'sep=;\nid;source;target\n1;a;b\n2;a\n', 4, 'more or fewer fields'],
    ['a.csv', 'sep=;\nid;source;target\n;a;b\n', 3, 'the id is empty'],
  ])('%s %j', (name, text, line, problem) => {
    let refusal: unknown;
    try {
      read(name, text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(UnreadableFileError);
    expect(refusal).toMatchObject({ code: 'unreadable_file', file: name, line });
    expect((refusal as Error).message).toContain(problem);
    expect((refusal as Error).message).toMatch(line === undefined ? /^a\.\w+: / : `${name}, line ${line}: `);
  });

  it('a file that is too large', () => {
    expect(() => readSegments({ name: 'a.json', bytes: Buffer.alloc(MAX_FILE_BYTES + 1) })).toThrow(
      'split it',
    );
  });

  it('bytes that are not of the charset', () => {
    const latin1 = Buffer.from('id,source,target\n1,summer,été\n', 'latin1');
    expect(() => readSegments({ name: 'a.csv', bytes: latin1 })).toThrow(
      'a.csv: the file is not valid utf-8: save it as UTF-8',
    );
    const unknown = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=klingon\\n"\n';
    expect(() => read('a.po', unknown)).toThrow('the charset "klingon" is not known');
  });
});

describe('An XLIFF export', () => {
  it('stays well formed and unchanged with whatever text XML can hold', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(']]>', '<!--', '&amp;', '\r\n', '\t "\' ', '<a b="c">'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text, text)), text, async (texts, original) => {
        const segments = texts.map(([source, target, note], index) => ({
          id: `${index}${source}`,
          source,
          target,
          note,
        }));
        const { file, units } = parseXliff(exported(segments, { original }));
        expect(file['original']).toBe(original);
        expect(units.map(wordsOf)).toEqual(segments.map(wordsOf));
      }),
    );
  });

  it('approves what is translated and reviewed, and nothing else', () => {
    const segments: Segment[] = [
      { id: '1', source: 'a', target: 'b' },
      { id: '2', source: 'a', target: '' },
      { id: '3', source: 'a', target: 'b', fuzzy: true },
    ];
    expect(parseXliff(exported(segments)).units.map(({ approved, state }) => [approved, state])).toEqual([
      [true, 'translated'],
      [false, 'needs-translation'],
      [false, 'needs-review-translation'],
    ]);
  });

  it('keeps plural forms in groups, and contexts apart from texts', () => {
    const { units } = parseXliff(
      exported(
        read(
          'a.po',
          [
            'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=n != 1;\\n"\n',
            'msgctxt "c"\nmsgid "a"\nmsgid_plural "b"\nmsgstr[0] "x"\nmsgstr[1] "y"\n',
            'msgid "a"\nmsgid_plural "b"\nmsgstr[0] "x"\nmsgstr[1] ""\n',
            'msgctxt ""\nmsgid "s"\nmsgstr ""\n',
            'msgctxt "<c>"\nmsgid "s"\nmsgstr ""\n',
          ].join('\n'),
        ),
      ),
    );
    const [first, , third] = units;
    const group = (unit: Unit | undefined, approved: object) => ({
      id: unit!.id.slice(0, -3),
      restype: 'x-gettext-plurals',
      ...approved,
    });
    expect(
      units.map(({ id, approved, group: around, contexts }) => ({ id, approved, around, contexts })),
    ).toEqual([
      {
        id: expect.stringMatching(/\[0\]$/),
        approved: true,
        around: group(first, { approved: 'yes' }),
        contexts: ['c', 'c'],
      },
      {
        id: expect.stringMatching(/\[1\]$/),
        approved: true,
        around: group(first, { approved: 'yes' }),
        contexts: ['c', 'c'],
      },
      { id: expect.stringMatching(/\[0\]$/), approved: true, around: group(third, {}), contexts: [] },
      { id: expect.stringMatching(/\[1\]$/), approved: false, around: group(third, {}), contexts: [] },
      { id: expect.any(String), approved: false, around: undefined, contexts: ['', ''] },
      { id: expect.any(String), approved: false, around: undefined, contexts: ['<c>', '<c>'] },
    ]);
  });

  it('writes U+FFFD for what XML cannot hold: control characters, lone surrogates, U+FFFE', async () => {
    const source = 'a\0b\u0004c\u001bd\ud800e\udc00f\ufffeg🎉';
    const { units } = parseXliff(exported([{ id: 'menu\u0004Open', source, target: '' }]));
    expect(units).toMatchObject([
      { id: 'menu\ufffdOpen', source: 'a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg🎉' },
    ]);
  });

  it('makes doubled ids unique without taking an id that another segment has', async () => {
    const segments = ['a', 'a~2', 'a', 'a', 'b', 'a~2', '\0', '\u0001'].map((id) => ({
      id,
      source: id,
      target: '',
    }));
    const ids = parseXliff(exported(segments)).units.map(({ id }) => id);
    expect(new Set(ids).size).toBe(segments.length);
    expect(ids.filter((id, index) => id === segments[index]?.id)).toEqual(['a', 'a~2', 'b']);
  });

  it('comes in small pieces, each with how far it is', () => {
    const segments = Array.from({ length: 20_000 }, (_, index) => ({
      id: String(index),
      source: 'text '.repeat(20),
      target: '',
    }));
    const pieces = [...writeXliff(segments, OPTIONS)];
    expect(pieces.length).toBeGreaterThan(90);
    expect(Math.max(...pieces.map(({ text }) => text.length))).toBeLessThan(256 * 1024);
    expect(pieces.map(({ done }) => done)).toEqual(pieces.map((_, index) => 200 * (index + 1)));
    expect(pieces.every(({ total }) => total === 20_000)).toBe(true);
  });
});
