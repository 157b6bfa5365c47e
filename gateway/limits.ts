import { createHash } from 'node:crypto';
import {
  GraphQLError,
  Kind,
  Lexer,
  parse,
  Source,
  TokenKind,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { codedError } from '../platform/graph-errors.ts';

/**
 * How much an operation may ask for, found before it is validated or planned: validation compares fields in pairs and
 * planning expands fragments, so both can be made to take minutes by a few kilobytes. In order: tokens and brackets while
 * reading characters, then what the fragments come to when they are written out.
 */
export const LIMITS = {
  /** Names, punctuation, values. The home screen has about 300, GraphiQL's introspection 250. */
  tokens: 4000,
  /** Brackets within brackets, in selections and values; keeps parsers within their stack. */
  brackets: 40,
  directives: 100,
  /** Fields within fields, fragments written out. */
  depth: 20,
  /** Fields under another name, fragments written out. */
  aliases: 100,
  /** Fields of the operation itself, for example mutations in one request. */
  rootFields: 30,
  /** Fields and fragments of one operation, fragments written out. */
  selections: 2000,
  /** The same over all definitions of a document. */
  documentSelections: 10_000,
  /** Pairs of fields that answer under the same name and so must be compared. */
  sameNamePairs: 5000,
} as const;

/** What is wrong with the size of an operation, or null. */
export type LimitCheck = (query: string) => GraphQLError | null;

const MAX_REMEMBERED = 2000;

/** A check that remembers its verdicts, because clients send the same few texts again and again. */
export function createLimitCheck(): LimitCheck {
  const verdicts = new Map<string, GraphQLError | null>();
  return (query) => {
    const key = createHash('sha256').update(query).digest('base64');
    const known = verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = checkLimits(query);
    if (verdicts.size >= MAX_REMEMBERED) verdicts.delete(verdicts.keys().next().value!);
    verdicts.set(key, verdict);
    return verdict;
  };
}

/** What is wrong with the size of an operation, or null. What does not parse is not judged here: the parser's message is better. */
export function checkLimits(query: string): GraphQLError | null {
  try {
    checkTokens(query);
    checkSelections(parse(query, { noLocation: true, maxTokens: LIMITS.tokens + 1 }));
    return null;
  } catch (error) {
    if (error instanceof GraphQLError) return error.extensions['code'] === undefined ? null : error;
    throw error;
  }
}

function tooLarge(): GraphQLError {
  return codedError('QUERY_TOO_LARGE', `An operation may have at most ${LIMITS.tokens} tokens.`);
}

function tooDeep(): GraphQLError {
  return codedError('QUERY_TOO_DEEP', `Fields may nest at most ${LIMITS.depth} deep.`);
}

function tooManyAliases(): GraphQLError {
  return codedError('TOO_MANY_ALIASES', `An operation may have at most ${LIMITS.aliases} aliases.`);
}

function tooComplex(what: string): GraphQLError {
  return codedError('QUERY_TOO_COMPLEX', `The operation asks for too much: ${what}.`);
}

const OPENING = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const CLOSING = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

function checkTokens(query: string): void {
  const lexer = new Lexer(new Source(query));
  let tokens = 0;
  let brackets = 0;
  let directives = 0;
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
    if (++tokens > LIMITS.tokens) throw tooLarge();
    if (OPENING.has(token.kind) && ++brackets > LIMITS.brackets) throw tooDeep();
    if (CLOSING.has(token.kind)) brackets--;
    if (token.kind === TokenKind.AT && ++directives > LIMITS.directives) {
      throw tooComplex(`at most ${LIMITS.directives} directives`);
    }
  }
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

function checkSelections(document: DocumentNode): void {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  let total = 0;
  for (const definition of document.definitions) {
    // Fragments are weighed on their own as well: validation looks at those that no operation uses, too.
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    total += weigh(definition, fragments);
    if (total > LIMITS.documentSelections)
      throw tooComplex(`at most ${LIMITS.documentSelections} fields in a document`);
  }
}

interface Weighing {
  fragments: Fragments;
  /** Only an operation's own fields are root fields. */
  isOperation: boolean;
  /** Fragments that are being written out; one within itself is a circle, which validation refuses by name. */
  open: Set<string>;
  selections: number;
  aliases: number;
  rootFields: number;
  sameNamePairs: number;
  /** How often each path of response names occurs. */
  paths: Map<string, number>;
}

function weigh(definition: OperationDefinitionNode | FragmentDefinitionNode, fragments: Fragments): number {
  const weighing: Weighing = {
    fragments,
    isOperation: definition.kind === Kind.OPERATION_DEFINITION,
    open: new Set(),
    selections: 0,
    aliases: 0,
    rootFields: 0,
    sameNamePairs: 0,
    paths: new Map(),
  };
  weighSelections(weighing, definition.selectionSet, '', 1);
  return weighing.selections;
}

/** Walks the selections with fragments written out. Every step counts, so the walk itself is as bounded as what it measures. */
function weighSelections(weighing: Weighing, selectionSet: SelectionSetNode, path: string, depth: number): void {
  for (const selection of selectionSet.selections) {
    if (++weighing.selections > LIMITS.selections) throw tooComplex(`at most ${LIMITS.selections} fields`);
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      weighSelections(weighing, selection.selectionSet, path, depth);
    } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = weighing.fragments.get(selection.name.value);
      if (!fragment || weighing.open.has(selection.name.value)) continue;
      weighing.open.add(selection.name.value);
      weighSelections(weighing, fragment.selectionSet, path, depth);
      weighing.open.delete(selection.name.value);
    } else {
      if (depth > LIMITS.depth) throw tooDeep();
      if (weighing.isOperation && depth === 1 && ++weighing.rootFields > LIMITS.rootFields) {
        throw tooComplex(`at most ${LIMITS.rootFields} fields at the root`);
      }
      if (selection.alias && ++weighing.aliases > LIMITS.aliases) throw tooManyAliases();
      const own = `${path}.${(selection.alias ?? selection.name).value}`;
      countPairs(weighing, own);
      if (selection.selectionSet) weighSelections(weighing, selection.selectionSet, own, depth + 1);
    }
  }
}

function countPairs(weighing: Weighing, path: string): void {
  const before = weighing.paths.get(path) ?? 0;
  weighing.paths.set(path, before + 1);
  weighing.sameNamePairs += before;
  if (weighing.sameNamePairs > LIMITS.sameNamePairs) throw tooComplex('the same field is repeated too often');
}
