import { describe, expect, test } from '@jest/globals';
import { decodeXml, MAX_XML_CHARACTERS, MAX_XML_DEPTH, readXml, SLICE_CHARACTERS } from './read-xml.ts';
import { find, findAll, textAt } from './xml-element.ts';

const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth);

/** Each entity is ten of the one before: expanded, more than the memory of any machine. */
const BOMB = `<!DOCTYPE a [<!ENTITY e0 "lol">${Array.from(
  { length: 20 },
  (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">`,
).join('')}]><a>&e20;</a>`;

describe('reading XML', () => {
  test('keeps names, texts, attributes, the namespace, and the line each element begins on', async () => {
    const text =
      '\n\r\n<?xml version="1.0"?>\r<x:a xmlns:x="urn:n" b="1">\n  <c>\n<![CDATA[<x>]]>&amp;&#65;</c>\n<d/></x:a>';
    const { root, namespace } = await readXml(text);
    expect(namespace).toBe('urn:n');
    expect(root).toMatchObject({ name: 'a', line: 4, text: '', attributes: { b: '1' } });
    expect(root.children.map(({ name, line }) => [name, line])).toEqual([
      ['c', 5],
      ['d', 7],
    ]);
    expect(textAt(root, 'c')).toBe('<x>&A');
    expect([find(root, 'd')?.attributes, textAt(root, 'd'), findAll(root, 'e')]).toEqual([{}, null, []]);
  });

  test('reads a text that is read in slices as if it were read at once, wherever a slice ends', async () => {
    for (const shift of [0, 1, 2, 3]) {
      const words = '😀\r\n&amp;é'.repeat(SLICE_CHARACTERS / 4);
      const { root } = await readXml(`<a>${'x'.repeat(shift)}<b>${words}</b><c/></a>`);
      expect(textAt(root, 'b')).toBe('😀\n&é'.repeat(SLICE_CHARACTERS / 4));
      expect(find(root, 'c')!.line).toBe(1 + SLICE_CHARACTERS / 4);
    }
  });

  test.each([
    ['what is not XML', 'hello', 'XML_MALFORMED', 1],
    ['nothing', '', 'XML_MALFORMED', 1],
    ['what is cut off', '<a>\n<b>', 'XML_MALFORMED', 2],
    ['a tag that another one closes', '<a>\n\n<b></a>', 'XML_MALFORMED', 3],
    ['two roots', '<a/>\n<b/>', 'XML_MALFORMED', 2],
    ['a prefix of no namespace', '<x:a/>', 'XML_MALFORMED', 1],
    ['an entity nobody knows', '<a>\n&x;</a>', 'XML_MALFORMED', 2],
    ['a character that XML has not', '<a>\u0000</a>', 'XML_MALFORMED', 1],
    ['UTF-16 that was read as something else', '<\u0000a\u0000/\u0000>\u0000', 'XML_MALFORMED', 1],
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 'XML_DOCUMENT_TYPE', 1],
    [
      'a file of this machine',
      '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
      'XML_DOCUMENT_TYPE',
      1,
    ],
    ['a document type of elsewhere', '\n<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>', 'XML_DOCUMENT_TYPE', 2],
    ['entities that make others', BOMB, 'XML_DOCUMENT_TYPE', 1],
    ['what nests too deep', nested(MAX_XML_DEPTH + 1), 'XML_TOO_DEEP', 1],
    ['what nests without end', '<a>'.repeat(500_000), 'XML_TOO_DEEP', 1],
    ['more elements than may be', `<a>${'<b/>'.repeat(1_000_000)}</a>`, 'XML_TOO_MANY_ELEMENTS', 1],
    ['more characters than may be', ' '.repeat(MAX_XML_CHARACTERS + 1), 'XML_TOO_LARGE', 1],
  ])('refuses %s', async (_what, text, code, line) => {
    await expect(readXml(text)).rejects.toMatchObject({ name: 'UnreadableXmlError', code, line });
  });

  test('reads as deep as banks nest', async () => {
    expect((await readXml(nested(MAX_XML_DEPTH))).root.name).toBe('a');
  });
});

describe('a file as bytes', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text);

  test.each([
    ['without a declaration', '<a>é</a>'],
    ['that says so', '<?xml version="1.0" encoding="utf-8"?><a>é</a>'],
    ['that says ASCII', "<?xml version='1.0' encoding='US-ASCII'?><a/>"],
  ])('in UTF-8 %s is read', (_what, text) => {
    expect(decodeXml(utf8(text))).toBe(text);
    expect(decodeXml(utf8(`\uFEFF${text}`))).toBe(text);
  });

  test.each([
    ['in Latin-1', Buffer.from('<a>\u00e9</a>', 'latin1')],
    ['in UTF-16', Buffer.from('\uFEFF<a>é</a>', 'utf16le')],
    ['that says it is in another encoding', utf8('<?xml version="1.0" encoding="ISO-8859-1"?><a/>')],
    ['that is cut in the middle of a letter', utf8('<a>é').slice(0, -1)],
  ])('%s is refused, not guessed', (_what, bytes) => {
    expect(() => decodeXml(bytes)).toThrow(expect.objectContaining({ code: 'XML_WRONG_ENCODING' }));
  });
});
