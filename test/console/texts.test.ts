import { describe, expect, it } from 'vitest';
import { hexRows } from '../../console/src/hex-rows.js';
import { isJson, jsonPieces } from '../../console/src/json-pieces.js';
import { beginning, pieces, visibleText } from '../../console/src/text-pieces.js';

const written = (found: readonly { text: string }[]) => found.map(({ text }) => text).join('');

describe('what others wrote, as the console shows it', () => {
  it('shows controls and marks of direction as text', () => {
    expect(visibleText('a\u001b[31mred\u0000')).toBe('a␛[31mred␀');
    expect(visibleText('invoice\u202efdp.exe')).toBe('invoiceU+202Efdp.exe');
    expect(visibleText('\u2066\u200f\ufeff\u0085')).toBe('U+2066U+200FU+FEFFU+0085');
    expect(visibleText('one\r\ntwo\tthree\rfour')).toBe('one\r\ntwo\tthree␍four');
    expect(visibleText('half \ud83d and whole \u{1f4a9}')).toBe('half U+D83D and whole \u{1f4a9}');
    expect(pieces('a\u202eb')[1]).toEqual({
      text: 'U+202E',
      kind: 'mark',
      title: 'U+202E right-to-left override',
    });
  });

  it('leaves other scripts and emoji as they are', () => {
    for (const text of ['שלום', 'مرحبا', 'क्षि', '👩‍💻', 'می‌خواهم']) expect(visibleText(text)).toBe(text);
  });

  it('cuts no character in two', () => {
    expect(beginning('ab\u{1f4a9}', 3)).toBe('ab');
    expect(beginning('ab\u{1f4a9}', 4)).toBe('ab\u{1f4a9}');
  });

  it('lays JSON out and changes no token', () => {
    const text = '{"a":12345678901234567890,"a":[1.10,-0,true,null,{}],"b":[],"c":"x\\u0041: {"}';
    expect(written(jsonPieces(text, 10_000).pieces)).toBe(
      `{
  "a": 12345678901234567890,
  "a": [
    1.10,
    -0,
    true,
    null,
    {}
  ],
  "b": [],
  "c": "x\\u0041: {"
}`,
    );
  });

  it('tells keys, strings, numbers and words apart', () => {
    const kinds = jsonPieces('{"key":"text","n":-1,"w":false}', 1000).pieces.filter(
      ({ kind }) => kind !== 'plain',
    );
    expect(kinds.map(({ text, kind }) => `${kind} ${text}`)).toEqual([
      'key "key"',
      'string "text"',
      'key "n"',
      'number -1',
      'key "w"',
      'word false',
    ]);
  });

  it('takes only JSON for JSON', () => {
    expect(['{}', ' [1]', '{"a":1}'].every(isJson)).toBe(true);
    expect(['', 'null', '12', '"text"', '{', '<p>{}</p>', "{'a':1}"].some(isJson)).toBe(false);
  });

  it('lays out so much of a megabyte as is shown, in milliseconds', () => {
    const line = JSON.stringify({ text: 'x'.repeat(1_000_000), more: 1 });
    const many = `[${'[{"a":1}],'.repeat(100_000)}0]`;
    const started = performance.now();
    for (const text of [line, many, '['.repeat(500_000)]) {
      const { pieces, isWhole } = jsonPieces(text, 32_768);
      expect(isWhole).toBe(false);
      expect(written(pieces).length).toBeLessThan(300_000);
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('shows bytes by rows of sixteen', () => {
    const rows = hexRows(new TextEncoder().encode('{"name":"Zoë"} and more'), 10);
    expect(rows).toEqual([
      {
        offset: '00000000',
        hex: '7b 22 6e 61 6d 65 22 3a  22 5a 6f c3 ab 22 7d 20',
        text: '{"name":"Zo··"} ',
      },
      { offset: '00000010', hex: '61 6e 64 20 6d 6f 72 65', text: 'and more' },
    ]);
    expect(hexRows(new Uint8Array(1_000_000), 4)).toHaveLength(4);
    expect(hexRows(new Uint8Array(), 4)).toEqual([]);
  });
});
