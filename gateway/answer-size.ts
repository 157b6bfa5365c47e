import {
  getArgumentValues,
  getNamedType,
  getNullableType,
  getVariableValues,
  GraphQLError,
  isCompositeType,
  isListType,
  isObjectType,
  isInterfaceType,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/**
 * How large an answer may become. limits.ts bounds the text of an operation, but lists within lists multiply: three pages
 * of 100 within each other are a few hundred characters that ask for a million values. Variables decide it too, so it is asked
 * for every call, after validation and before planning.
 */

/** Values in one answer if every page is full. A home screen comes to some 15,000, a hundred accounts with a hundred full lines each to 200,000. */
export const MAX_ANSWER_VALUES = 250_000;

/** The arguments that say how long a list is, and what the subgraphs take at most. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ['first', 100],
  ['points', 1000],
]);

/**
 * What a list without such an argument is taken for: holdings, the accounts of one, steps, factors. Together holdings and their
 * accounts are at most the hundred accounts that one customer may have, which is what two such lists come to.
 */
const UNPAGED_LENGTH = 10;

interface Counting {
  schema: GraphQLSchema;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  values: number;
}

/** Refuses, with QUERY_TOO_COMPLEX, a valid operation whose answer could be too large. */
export function checkAnswerSize(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  given: Record<string, unknown>,
): void {
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], given);
  const root = schema.getRootType(operation.operation);
  // What is wrong with the variables is said by whoever runs the operation.
  if (!coerced || !root) return;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  count({ schema, fragments, variables: coerced, values: 0 }, operation.selectionSet, root, 1, 1);
}

/** Adds up `selectionSet`, which is answered `times` times; `length` is that of the page whose edges these are. */
function count(
  counting: Counting,
  selectionSet: SelectionSetNode,
  type: GraphQLCompositeType,
  times: number,
  length: number,
): void {
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) {
      countField(counting, selection, type, times, length);
      continue;
    }
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? counting.fragments.get(selection.name.value) : selection;
    const condition = fragment?.typeCondition && counting.schema.getType(fragment.typeCondition.name.value);
    const on = condition && isCompositeType(condition) ? condition : type;
    // Validation has refused circles of fragments.
    if (fragment) count(counting, fragment.selectionSet, on, times, length);
  }
}

function countField(
  counting: Counting,
  node: FieldNode,
  parent: GraphQLCompositeType,
  times: number,
  length: number,
): void {
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
  // Introspection is bounded by its own rule.
  if (!field) return;
  const own = lengthOf(counting, field, node);
  const isList = isListType(getNullableType(field.type));
  const isPage = node.name.value === 'edges' && parent.name.endsWith('Connection');
  const each = isList ? times * (own ?? (isPage ? length : UNPAGED_LENGTH)) : times;
  counting.values += each;
  if (counting.values > MAX_ANSWER_VALUES) {
    throw new GraphQLError(
      `The operation asks for too much: its answer could have more than ${MAX_ANSWER_VALUES} values. Ask for shorter pages.`,
      // Apollo Server takes what is found out before an operation runs for its own fault unless it is told the status.
      { extensions: { code: 'QUERY_TOO_COMPLEX', http: { status: 400 } } },
    );
  }
  const type = getNamedType(field.type);
  // A connection's length is that of its edges.
  if (node.selectionSet && isCompositeType(type)) {
    count(counting, node.selectionSet, type, each, isList ? 1 : (own ?? 1));
  }
}

/** The length asked for; null when nothing is said of it. One beyond what is taken is refused by the subgraph and costs nothing. */
function lengthOf({ variables }: Counting, field: GraphQLField<unknown, unknown>, node: FieldNode): number | null {
  const argument = field.args.find(({ name }) => LENGTHS.has(name));
  if (!argument) return null;
  let length: unknown;
  try {
    length = getArgumentValues(field, node, variables)[argument.name];
  } catch {
    return 1;
  }
  const most = LENGTHS.get(argument.name)!;
  return typeof length === 'number' && length >= 1 && length <= most ? length : 1;
}
