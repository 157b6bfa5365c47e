/** An element of an XML document: its own text and its children. Namespaces are left out: a file has one. */
export interface Element {
  name: string;
  text: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
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
