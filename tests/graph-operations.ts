import { readFileSync } from 'node:fs';
import { buildSchema, getNamedType, isLeafType, isObjectType, type GraphQLObjectType } from 'graphql';

/* The operations and lists of the public graph, from its SDL: what a test goes through so that nothing new is left out. */

export const api = buildSchema(readFileSync('schema/api.graphql', 'utf8'));

const ROOTS: [word: string, root: GraphQLObjectType][] = [
  ['query', api.getQueryType()!],
  ['mutation', api.getMutationType()!],
  ['subscription', api.getSubscriptionType()!],
];

/** All of them, as "Query.me". */
export const OPERATIONS: readonly string[] = ROOTS.flatMap(([, root]) =>
  Object.keys(root.getFields()).map((field) => `${root.name}.${field}`),
);

/** Every field that is a list in pages, as "User.accounts". */
export const LISTS: readonly string[] = Object.values(api.getTypeMap())
  .filter(isObjectType)
  .flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => getNamedType(field.type).name.endsWith('Connection'))
      .map((field) => `${type.name}.${field.name}`),
  );

/** The text of an operation that is given these arguments as variables, and shows what it can of the answer. */
export function textOf(operation: string, args: Record<string, unknown>): string {
  const [rootName, fieldName] = operation.split('.') as [string, string];
  const [word, root] = ROOTS.find(([, { name }]) => name === rootName)!;
  const field = root.getFields()[fieldName]!;
  const given = field.args.filter(({ name }) => name in args);
  const declared = given.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const passed = given.map(({ name }) => `${name}: $${name}`).join(', ');
  const inBrackets = (text: string) => (text ? `(${text})` : '');
  return `${word} ${inBrackets(declared)} { ${fieldName}${inBrackets(passed)} ${shown(getNamedType(field.type).name, 2)} }`;
}

/** A selection of everything that needs no argument, so many objects deep. */
function shown(typeName: string, depth: number): string {
  const type = api.getType(typeName);
  if (!isObjectType(type)) return '';
  const parts = Object.values(type.getFields())
    .filter(({ args }) => args.every((arg) => !String(arg.type).endsWith('!') || arg.defaultValue !== undefined))
    .map((field) => {
      const named = getNamedType(field.type);
      if (isLeafType(named)) return field.name;
      const inner = depth > 0 ? shown(named.name, depth - 1) : '';
      return inner && `${field.name} ${inner}`;
    })
    .filter(Boolean);
  return parts.length > 0 ? `{ ${parts.join(' ')} }` : '';
}
