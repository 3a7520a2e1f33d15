import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { perform } from '../../examples/segments/bilingual-task.js';
import { readPoEntries, poKey, type PoEntry } from '../../examples/segments/po-entries.js';
import type { Piece } from '../../examples/segments/write-xliff.js';
import { temporaryFolder } from '../support/service.js';

const DRIVERS = fileURLToPath(new URL('translation-tools/', import.meta.url));
const DATA = fileURLToPath(new URL('../data/segments/', import.meta.url));
/** A Python environment with the tools: see CONTRIBUTING.md. */
const TOOLS = process.env.RINGBACK_TEST_TRANSLATION_TOOLS;
const hasGettext = ['msgfmt', 'python3'].every((tool) => spawnSync(tool, ['--version']).status === 0);
if (!TOOLS || !hasGettext)
  console.info('GNU gettext and Translate Toolkit are left out: CONTRIBUTING.md says how to run them.');

const run = async (command: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)(command, args, { maxBuffer: 64 * 1024 * 1024 })).stdout;

const TRICKY = String.raw`msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=n != 1;\n"

msgid "a\vb\033[1m\x41\t\a\b\f\"\\n"
msgstr "\303\251 \xc3\xa9 \1012"

msgctxt ""
msgid "a" "b"
msgstr "empty context"

msgid "ab" msgstr "none"

msgctxt "menu"
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "x"
msgstr[1] "y"

#, fuzzy, c-format
msgid "%d day"
msgid_plural "%d days"
msgstr[0] "guess"
msgstr[1] "guesses"

#, fuzzy
msgid "guessed"
msgstr "guess"

msgctxt "menu"
msgid "untranslated"
msgstr ""
`;

async function catalogs(): Promise<Record<string, string>> {
  const real = ['django/pl.po', 'django/ar.po', 'volto/fr.po'];
  const texts = await Promise.all(real.map((path) => readFile(join(DATA, path), 'utf8')));
  return { 'tricky.po': TRICKY, ...Object.fromEntries(real.map((path, index) => [path, texts[index]!])) };
}

/** What tells entries apart, and their translations. */
const essence = (entries: readonly PoEntry[]) =>
  entries
    .filter((entry) => poKey(entry) !== '')
    .map((entry) => [poKey(entry), entry.targets, entry.comments.flags.includes('fuzzy')]);

describe.skipIf(!hasGettext)('A PO file holds for us what it holds for GNU gettext', () => {
  it('in all its texts', async () => {
    await using folder = await temporaryFolder();
    const [po, mo] = [join(folder.path, 'a.po'), join(folder.path, 'a.mo')];
    for (const [name, text] of Object.entries(await catalogs())) {
      await writeFile(po, text);
      await run('msgfmt', '--use-fuzzy', '-o', mo, po);
      // The header's is changed by msgfmt.
      const { '': _, ...theirs } = JSON.parse(await run('python3', join(DRIVERS, 'mo_to_json.py'), mo));
      const translated = readPoEntries(name, text).filter(
        (entry) => poKey(entry) !== '' && entry.targets[0] !== '',
      );
      const keyOf = (entry: PoEntry): string =>
        entry.plural === undefined ? poKey(entry) : `${poKey(entry)}\0${entry.plural}`;
      expect(Object.fromEntries(translated.map((entry) => [keyOf(entry), entry.targets.join('\0')]))).toEqual(
        theirs,
      );
    }
  });

  it('and is refused where it is refused there', async () => {
    await using folder = await temporaryFolder();
    const po = join(folder.path, 'a.po');
    const entries = [
      ...['q', "'", '?', 'xg', '8'].map((escape) => `msgid "\\${escape}"\nmsgstr ""`),
      'msgid "a"\n#, fuzzy\nmsgstr ""',
      'msgid "a"\nmsgid_plural "b"\nmsgstr "c"',
      'msgid "a"\nmsgstr[0] "c"',
      'msgid "a"\nmsgid_plural "b"\nmsgstr[0] ""\nmsgstr[2] ""',
      'msgid "a"\nmsgid_plural "b"\nmsgstr[1] ""',
      'msgid "a"\nmsgstr ""\nmsgstr ""',
      'msgid\nmsgstr ""',
      'msgctxt "a"\nmsgstr ""',
      'msgid "a"\nmsgstr ""\nmsgid "a"\nmsgstr ""',
    ];
    for (const entry of entries) {
      await writeFile(po, `${TRICKY}\n${entry}\n`);
      expect(spawnSync('msgfmt', ['-o', '/dev/null', po]).status, entry).not.toBe(0);
      expect(() => readPoEntries('a.po', `${TRICKY}\n${entry}\n`), entry).toThrow('a.po, line');
    }
  });
});

describe.skipIf(!TOOLS)(
  'An export of a PO file comes back from Translate Toolkit',
  { timeout: 120_000 },
  () => {
    const exported = (name: string, text: string): string => {
      const task = { make: 'xliff', sourceLanguage: 'en', targetLanguage: 'pl' } as const;
      const [, ...pieces] = [...perform({ name, bytes: Buffer.from(text) }, task)];
      return pieces.map((piece) => (piece as Piece).text).join('');
    };

    it('with contexts, plural forms and what is reviewed', async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'a.xlf');
      for (const [name, text] of Object.entries(await catalogs())) {
        await writeFile(file, exported(name, text));
        const po = await run(join(TOOLS!, 'bin/python'), join(DRIVERS, 'xliff_to_po.py'), file);
        // What XML can't hold.
        // oxlint-disable-next-line no-control-regex -- it is what is meant
        const held = text.replaceAll(/\\v|\\033|\\a|\\b|\\f/g, '\ufffd');
        expect(essence(readPoEntries(name, po))).toEqual(essence(readPoEntries(name, held)));
      }
    });

    it('with nothing fuzzy that was not, by its own converter', async () => {
      await using folder = await temporaryFolder();
      const [xliff, po] = [join(folder.path, 'a.xlf'), join(folder.path, 'a.po')];
      for (const [name, text] of Object.entries(await catalogs())) {
        const fuzzy = readPoEntries(name, text).filter(({ comments }) => comments.flags.includes('fuzzy'));
        await writeFile(xliff, exported(name, text));
        await run(join(TOOLS!, 'bin/xliff2po'), xliff, po);
        const back = readPoEntries('back.po', await readFile(po, 'utf8'));
        const translated = back.filter((entry) => poKey(entry) !== '' && entry.targets[0] !== '');
        const marked = translated.filter(({ comments }) => comments.flags.includes('fuzzy'));
        expect([name, marked.length]).toEqual([name, fuzzy.filter((entry) => poKey(entry) !== '').length]);
        expect(translated.length).toBeGreaterThan(3);
      }
    });
  },
);
