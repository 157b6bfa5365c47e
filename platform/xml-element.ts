/** An element of an XML or SGML file: its own text, its children, and the line it begins on (the first is 1). Namespaces are left out. */
export interface Element {
  name: string;
  line: number;
  text: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
}

/** An element without text and children. */
export function newElement(name: string, line: number, attributes: Readonly<Record<string, string>> = {}): Element {
  return { name, line, text: '', attributes, children: [] };
}

/** The first element along a path of names; undefined when there is none. */
export function find(element: Element | undefined, ...path: string[]): Element | undefined {
  return path.reduce((at, name) => at?.children.find((child) => child.name === name), element);
}

/** All elements at the end of a path of names. */
export function findAll(element: Element | undefined, ...path: string[]): Element[] {
  return path.reduce(
    (at, name) => at.flatMap(({ children }) => children.filter((child) => child.name === name)),
    element ? [element] : [],
  );
}

/** The text at the end of a path without outer blanks; null when there is no such element or it is blank. */
export function textAt(element: Element | undefined, ...path: string[]): string | null {
  return find(element, ...path)?.text.trim() || null;
}
