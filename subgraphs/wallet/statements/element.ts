/** An element of an XML or SGML file: its own text, its children, and the line it begins on (the first is 1). */
export interface Element {
  name: string;
  line: number;
  text: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
}

/** No bank nests deeper; a file that does is made to exhaust who reads it. */
export const MAX_DEPTH = 40;

/** After so many characters a reader lets others have their turn: a whole file at once would hold up every live stream. */
export const SLICE_CHARACTERS = 64 * 1024;

/** An element without text and children. */
export function newElement(name: string, line: number, attributes: Readonly<Record<string, string>> = {}): Element {
  return { name, line, text: '', attributes, children: [] };
}

/** The first element along a path of names; undefined when there is none. */
export function find(element: Element | undefined, ...path: string[]): Element | undefined {
  return path.reduce((at, name) => at?.children.find((child) => child.name === name), element);
}

/** All elements at the end of a path of names. */
export function findAll(element: Element, ...path: string[]): Element[] {
  return path.reduce(
    (at, name) => at.flatMap(({ children }) => children.filter((child) => child.name === name)),
    [element],
  );
}

/** The text at the end of a path without outer blanks; null when there is no such element or it is blank. */
export function textAt(element: Element | undefined, ...path: string[]): string | null {
  return find(element, ...path)?.text.trim() || null;
}
