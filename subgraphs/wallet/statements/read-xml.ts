import { setImmediate } from 'node:timers/promises';
import { SaxesParser } from 'saxes';
import { MAX_DEPTH, newElement, SLICE_CHARACTERS, type Element } from './element.ts';
import { refuseStatement } from './statement.ts';

/** The root of an XML document and the namespace it is in. */
export interface XmlDocument {
  root: Element;
  namespace: string;
}

/**
 * Reads well-formed XML. A document type is refused, so that there are no entities but those of XML itself and nothing to
 * expand; nothing outside the text is ever looked at.
 */
export async function readXml(text: string): Promise<XmlDocument> {
  // Blank lines before the declaration are against the rules and common.
  const document = text.trimStart();
  const linesBefore = text.slice(0, text.length - document.length).split(/\r\n|\r|\n/).length - 1;
  const parser = new SaxesParser({ xmlns: true });
  const lineNow = () => parser.line + linesBefore;
  const open: Element[] = [];
  let root: Element | undefined;
  let namespace = '';

  parser.on('error', (error) => {
    const reason = error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, '');
    throw refuseStatement('STATEMENT_MALFORMED', lineNow(), `this is not well-formed XML (${reason.slice(0, 200)})`);
  });
  parser.on('doctype', () => {
    throw refuseStatement('STATEMENT_MALFORMED', lineNow(), 'a document type (DOCTYPE) is not read');
  });
  parser.on('opentag', ({ local, uri, attributes }) => {
    if (open.length >= MAX_DEPTH) throw refuseStatement('STATEMENT_MALFORMED', lineNow(), 'elements nest too deep');
    const values = Object.entries(attributes).map(([name, { value }]) => [name, value] as const);
    const element = newElement(local, lineNow(), values.length > 0 ? Object.fromEntries(values) : undefined);
    if (!root) [root, namespace] = [element, uri];
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  const addText = (more: string) => {
    const element = open.at(-1);
    if (element && (element.text !== '' || more.trim() !== '')) element.text += more;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);

  for (let at = 0; at < document.length; at += SLICE_CHARACTERS) {
    if (at > 0) await setImmediate();
    parser.write(document.slice(at, at + SLICE_CHARACTERS));
  }
  parser.close();
  // What has no root is not well-formed, which the parser has said above.
  return { root: root!, namespace };
}
