import { setImmediate } from 'node:timers/promises';
import { MAX_XML_DEPTH, SLICE_CHARACTERS } from '../../../platform/read-xml.ts';
import { newElement, type Element } from '../../../platform/xml-element.ts';
import { refuseStatement } from './statement.ts';

/*
 * OFX before version 2 is SGML: elements with a value need no closing tag, those with children do. Without its DTD the two are
 * told apart by what follows: a tag with a value behind it is a leaf and ends where the next tag begins; a tag without one
 * is open until its closing tag. When an outer element closes while inner ones are still open, those were leaves
 * without a value (banks write "<LANGUAGE>" and nothing), and what seemed to be inside them belongs beside them. For
 * the elements that statements are made of (STRUCTURE) no such guess is made: left open, or with text of their own, they mean
 * that something is missing. Every character is looked at once, and no pattern can run back.
 */

/** Where a lost tag must never pass for an empty value. */
const STRUCTURE = new Set([
  'OFX', 'SIGNONMSGSRSV1', 'SONRS', 'BANKMSGSRSV1', 'STMTTRNRS', 'STMTRS', 'CREDITCARDMSGSRSV1', 'CCSTMTTRNRS', 'CCSTMTRS',
  'BANKACCTFROM', 'CCACCTFROM', 'BANKTRANLIST', 'STMTTRN', 'LEDGERBAL', 'AVAILBAL', 'BANKACCTTO', 'CCACCTTO',
]); // prettier-ignore

/** Where markup may begin; banks write a bare "<" in descriptions. */
const MARKUP = /<(?=[A-Za-z/!?])/g;
const TAG = /<(\/?)([A-Za-z][A-Za-z0-9._-]{0,63})\s*(\/?)>/y;

/** Reads OFX in its SGML form from the tag <OFX> on; whatever stands before it (the header) is passed over. */
export async function readSgml(text: string): Promise<Element> {
  const start = text.search(/<OFX\s*>/i);
  const lineAt = countLines(text);
  if (start < 0) throw refuseStatement('STATEMENT_MALFORMED', lineAt(text.length), 'the file ends before <OFX>');
  const tree = growTree();
  let pauseAt = start + SLICE_CHARACTERS;
  for (let at = start; at < text.length;) {
    MARKUP.lastIndex = at;
    const next = MARKUP.exec(text)?.index ?? text.length;
    if (next > at) tree.addText(decodeEntities(text.slice(at, next)), lineAt(at));
    if (next === text.length) break;
    at = readMarkup(text, next, lineAt(next), tree);
    if (at > pauseAt) {
      await setImmediate();
      pauseAt = at + SLICE_CHARACTERS;
    }
  }
  return tree.finish(lineAt(text.length));
}

/** Reads what begins with "<" at `at`, and says where it ends. */
function readMarkup(text: string, at: number, line: number, tree: Tree): number {
  const endOf = (closing: string) => {
    const end = text.indexOf(closing, at);
    if (end < 0) throw refuseStatement('STATEMENT_MALFORMED', line, `what begins here is never ended by ${closing}`);
    return end + closing.length;
  };
  if (text.startsWith('<![CDATA[', at)) {
    const end = endOf(']]>');
    tree.addText(text.slice(at + '<![CDATA['.length, end - ']]>'.length), line);
    return end;
  }
  if (text.startsWith('<!--', at)) return endOf('-->');
  if (text.startsWith('<?', at)) return endOf('?>');
  if (text.startsWith('<!', at)) {
    throw refuseStatement('STATEMENT_MALFORMED', line, 'a document type (DOCTYPE) is not read');
  }
  TAG.lastIndex = at;
  const match = TAG.exec(text);
  if (!match) {
    // Only looks like a tag.
    tree.addText('<', line);
    return at + 1;
  }
  const [whole, closing, written, selfClosing] = match;
  const name = written!.toUpperCase();
  if (closing) tree.close(name, line);
  else {
    tree.open(name, line);
    if (selfClosing) tree.close(name, line);
  }
  return at + whole.length;
}

interface Tree {
  open(name: string, line: number): void;
  close(name: string, line: number): void;
  addText(text: string, line: number): void;
  /** The root; refuses a file that has ended too early. */
  finish(line: number): Element;
}

function growTree(): Tree {
  const stack: Element[] = [];
  let root: Element | undefined;
  const closeLeaf = () => {
    if (stack.at(-1)?.text.trim()) stack.pop();
  };
  /** Makes siblings of what stands inside an element that turned out to be a leaf. */
  const foldTop = (line: number) => {
    const element = stack.pop()!;
    if (STRUCTURE.has(element.name)) {
      throw refuseStatement('STATEMENT_MALFORMED', line, `${element.name} of line ${element.line} is not closed`);
    }
    const parent = stack.at(-1)!;
    for (const child of element.children) parent.children.push(child);
    element.children = [];
  };
  return {
    open(name, line) {
      closeLeaf();
      if (root && stack.length === 0) throw refuseStatement('STATEMENT_MALFORMED', line, `${name} comes after </OFX>`);
      if (stack.length >= MAX_XML_DEPTH) throw refuseStatement('STATEMENT_MALFORMED', line, 'tags nest too deep');
      const element = newElement(name, line);
      root ??= element;
      stack.at(-1)?.children.push(element);
      stack.push(element);
    },
    close(name, line) {
      if (stack.at(-1)?.name !== name) closeLeaf();
      const index = stack.findLastIndex((element) => element.name === name);
      if (index >= 0) {
        while (stack.length > index + 1) foldTop(line);
        stack.pop();
      } else if (STRUCTURE.has(name)) {
        throw refuseStatement('STATEMENT_MALFORMED', line, `</${name}> closes what is not open`);
      }
    },
    addText(text, line) {
      const element = stack.at(-1);
      if (!element || text.trim() === '') return;
      if (STRUCTURE.has(element.name)) {
        throw refuseStatement('STATEMENT_MALFORMED', line, `there is text in ${element.name} where a tag belongs`);
      }
      element.text += text;
    },
    finish(line) {
      if (stack.length > 0) throw refuseStatement('STATEMENT_MALFORMED', line, 'the file ends before </OFX>');
      return root!;
    },
  };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** The entities of OFX, and characters by number; what is no entity stays as it is, because banks write a bare "&" too. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? whole;
    const code = decimal === undefined ? parseInt(String(hex), 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Tells the line of a place, the first being 1. To be asked from front to back: each line end is found once. */
function countLines(text: string): (at: number) => number {
  const ends = /\r\n|\r|\n/g;
  let line = 1;
  let next = ends.exec(text);
  return (at) => {
    while (next && next.index < at) {
      line++;
      next = ends.exec(text);
    }
    return line;
  };
}
