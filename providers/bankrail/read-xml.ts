import { SaxesParser } from 'saxes';
import type { Element } from './element.ts';

/** A file that is no XML, or none that a bank would send. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError';
}

/** What is read at most. A status report of a thousand payments has less than one million characters. */
export const MAX_FILE_CHARACTERS = 8_000_000;
const MAX_DEPTH = 40;
const MAX_ELEMENTS = 1_000_000;

/**
 * Reads well-formed XML. A document type is refused, so that there are no entities but those of XML itself and nothing to
 * expand; nothing outside the text is ever looked at.
 */
export function readXml(text: string): { root: Element; namespace: string } {
  if (text.length > MAX_FILE_CHARACTERS) throw new UnreadableFileError('the file is too large');
  const parser = new SaxesParser({ xmlns: true });
  const open: Element[] = [];
  let root: Element | undefined;
  let namespace = '';
  let count = 0;

  parser.on('error', ({ message }) => {
    throw new UnreadableFileError(`this is not well-formed XML (${message.slice(0, 200)})`);
  });
  parser.on('doctype', () => {
    throw new UnreadableFileError('a document type (DOCTYPE) is not read');
  });
  parser.on('opentag', ({ local, uri, attributes }) => {
    if (open.length >= MAX_DEPTH || ++count > MAX_ELEMENTS)
      throw new UnreadableFileError('there are too many elements');
    const values = Object.entries(attributes).map(([name, { value }]) => [name, value] as const);
    const element: Element = { name: local, text: '', attributes: Object.fromEntries(values), children: [] };
    if (!root) [root, namespace] = [element, uri];
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  const addText = (more: string) => {
    const element = open.at(-1);
    if (element) element.text += more;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.write(text.trimStart()).close();
  // What has no root is not well-formed, which the parser has said above.
  return { root: root!, namespace };
}
