import { setImmediate } from 'node:timers/promises';
import { SaxesParser } from 'saxes';
import { newElement, type Element } from './xml-element.ts';

/*
 * Reads XML that others have written: the statement files of customers, the reports of banks, the payment files that a simulator is given.
 * A document type is refused, so that there are no entities but those of XML itself and nothing to expand; nothing outside the text
 * is ever looked at; everything has a bound.
 */

/** Why a file is not read. */
export type XmlFault =
  | 'XML_MALFORMED'
  | 'XML_DOCUMENT_TYPE'
  | 'XML_TOO_DEEP'
  | 'XML_TOO_LARGE'
  | 'XML_TOO_MANY_ELEMENTS'
  | 'XML_WRONG_ENCODING'
  /** Well-formed, and not what its reader reads. */
  | 'XML_UNKNOWN_DOCUMENT';

/** A file that is no XML, or none that a bank would send. The line is the one where that was seen (the first is 1). */
export class UnreadableXmlError extends Error {
  override readonly name = 'UnreadableXmlError';
  readonly code: XmlFault;
  readonly line: number;

  constructor(code: XmlFault, line: number, message: string) {
    super(message);
    this.code = code;
    this.line = line;
  }
}

/** The root of an XML document and the namespace it is in. */
export interface XmlDocument {
  root: Element;
  namespace: string;
}

/** What is read at most. A status report of a thousand payments has less than one million characters. */
export const MAX_XML_CHARACTERS = 8_000_000;
/** No bank nests deeper; a file that does is made to exhaust who reads it. */
export const MAX_XML_DEPTH = 40;
/** Elements and attributes. */
const MAX_NODES = 1_000_000;

/** After so many characters a reader lets others have their turn: a whole file at once would hold up every live stream. */
export const SLICE_CHARACTERS = 64 * 1024;

/** Reads well-formed XML, giving others their turn in between. Throws UnreadableXmlError. */
export async function readXml(text: string): Promise<XmlDocument> {
  if (text.length > MAX_XML_CHARACTERS) throw new UnreadableXmlError('XML_TOO_LARGE', 1, 'the file is too large');
  // Blank lines before the declaration are against the rules and common; some programs begin a text with a byte order mark.
  const document = text.trimStart();
  const reader = createReader(text.slice(0, text.length - document.length).split(/\r\n|\r|\n/).length - 1);
  for (let at = 0; at < document.length; at += SLICE_CHARACTERS) {
    if (at > 0) await setImmediate();
    reader.write(document.slice(at, at + SLICE_CHARACTERS));
  }
  return reader.end();
}

/**
 * The text of a file that came as bytes. Only UTF-8 is read, which every bank can send: in a guessed encoding names and amounts would be
 * others than those that were written. Throws UnreadableXmlError.
 */
export function decodeXml(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableXmlError('XML_WRONG_ENCODING', 1, 'the file is not in UTF-8');
  }
  const declared = /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']{0,40})/.exec(text.slice(0, 400))?.[1];
  if (declared !== undefined && !/^(utf-8|us-ascii)$/i.test(declared)) {
    throw new UnreadableXmlError('XML_WRONG_ENCODING', 1, `the file says it is in ${declared}, and only UTF-8 is read`);
  }
  return text;
}

function createReader(linesBefore: number): { write(slice: string): void; end(): XmlDocument } {
  const parser = new SaxesParser({ xmlns: true });
  const open: Element[] = [];
  let root: Element | undefined;
  let namespace = '';
  let count = 0;
  const lineNow = () => parser.line + linesBefore;
  const unreadable = (code: XmlFault, reason: string) => new UnreadableXmlError(code, lineNow(), reason);

  parser.on('error', (error) => {
    const reason = error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, '');
    throw unreadable('XML_MALFORMED', `this is not well-formed XML (${reason.slice(0, 200)})`);
  });
  parser.on('doctype', () => {
    throw unreadable('XML_DOCUMENT_TYPE', 'a document type (DOCTYPE) is not read');
  });
  parser.on('opentag', ({ local, uri, attributes }) => {
    if (open.length >= MAX_XML_DEPTH) throw unreadable('XML_TOO_DEEP', 'elements nest too deep');
    const values = Object.entries(attributes).map(([name, { value }]) => [name, value] as const);
    count += 1 + values.length;
    if (count > MAX_NODES) throw unreadable('XML_TOO_MANY_ELEMENTS', 'there are too many elements');
    const element = newElement(local, lineNow(), values.length > 0 ? Object.fromEntries(values) : undefined);
    if (!root) [root, namespace] = [element, uri];
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  const addText = (more: string) => {
    const element = open.at(-1);
    // Blanks between elements are no text.
    if (element && (element.text !== '' || more.trim() !== '')) element.text += more;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);

  return {
    write: (slice) => void parser.write(slice),
    end() {
      parser.close();
      // What has no root is not well-formed, which the parser has said above.
      return { root: root!, namespace };
    },
  };
}
