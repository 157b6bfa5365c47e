/*
 * Elements as XML. Written here because the library at hand takes 6 s of processor time for a statement of 10,000 lines, in steps that
 * hold up everybody else; this takes a fraction of it. What it writes is validated in tests against the schema, and read back.
 */

/** An element: its children by name in their order, attributes under '@…' and text under '#'. What is undefined is left out. */
export interface XmlElement {
  [name: string]: string | XmlElement | XmlElement[] | undefined;
}

/** The text of the children of an element; names are ours and need no escaping. */
export function toXml(children: XmlElement): string {
  let xml = '';
  for (const [name, content] of Object.entries(children)) {
    if (content === undefined || name.startsWith('@')) continue;
    if (name === '#') xml += escape(content as string);
    else for (const one of Array.isArray(content) ? content : [content]) xml += toElement(name, one);
  }
  return xml;
}

function toElement(name: string, content: string | XmlElement): string {
  if (typeof content === 'string') return `<${name}>${escape(content)}</${name}>`;
  const attributes = Object.entries(content)
    .filter(([key]) => key.startsWith('@'))
    // The shape of an attribute's value is text.
    .map(([key, value]) => ` ${key.slice(1)}="${escape(value as string)}"`);
  return `<${name}${attributes.join('')}>${toXml(content)}</${name}>`;
}

/** What XML 1.0 has no character for. */
const NO_XML = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};

/** Text that reads back as it was, but for characters that cannot be written. A bare CR would come back as LF. */
function escape(text: string): string {
  return text.replace(NO_XML, '\uFFFD').replace(/[&<>"\r]/g, (character) => ESCAPES[character]!);
}
