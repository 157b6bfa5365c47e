import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { buildSchema, getOperationAST, parse, validate } from 'graphql';
import { checkAnswerSize } from './answer-size.ts';

const schema = buildSchema(readFileSync('schema/api.graphql', 'utf8'));

function codeOf(query: string, variables: Record<string, unknown> = {}): unknown {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  try {
    checkAnswerSize(schema, document, getOperationAST(document)!, variables);
    return 'ALLOWED';
  } catch (error) {
    return (error as { extensions?: Record<string, unknown> }).extensions?.['code'];
  }
}

const page = (first: string, inner: string) =>
  `transactions(first: ${first}) { edges { node { id transfer { source { account { ${inner} } } } } } }`;

describe('the size of an answer', () => {
  test('pages within pages within pages are refused, though the text is short', () => {
    expect(codeOf(`{ account(id: "a") { ${page('100', page('100', page('100', 'id')))} } }`)).toBe('QUERY_TOO_COMPLEX');
  });

  test('also with lengths in variables, in defaults, under aliases and behind fragments', () => {
    const nested = page('$n', page('$n', page('$n', 'id')));
    expect(codeOf(`query ($n: Int) { account(id: "a") { ${nested} } }`, { n: 100 })).toBe('QUERY_TOO_COMPLEX');
    expect(codeOf(`query ($n: Int = 100) { account(id: "a") { ${nested} } }`)).toBe('QUERY_TOO_COMPLEX');
    expect(codeOf(`query ($n: Int = 100) { account(id: "a") { ${nested} } }`, { n: 2 })).toBe('ALLOWED');
    const lines = 'transactions(first: 100) { edges { node { id } } }';
    const accounts = Array.from({ length: 10 }, (_, n) => `a${n}: accounts(first: 100) { ...rows }`).join(' ');
    const fragment = `fragment rows on AccountConnection { edges { node { ${lines} } } }`;
    expect(codeOf(`{ me { ${accounts} } } ${fragment}`)).toBe('QUERY_TOO_COMPLEX');
  });

  test('counts the length a list has when none is given', () => {
    const accounts = (levels: number): string =>
      levels === 0 ? 'id' : `accounts { edges { node { owner { ${accounts(levels - 1)} } } } }`;
    expect(codeOf(`{ me { ${accounts(2)} } }`)).toBe('ALLOWED');
    expect(codeOf(`{ me { ${accounts(4)} } }`)).toBe('QUERY_TOO_COMPLEX');
  });

  test('counts lists that have no pages, too: they multiply like others', () => {
    const holdings = (levels: number): string =>
      levels === 0 ? 'id' : `portfolio { holdings { accounts { owner { ${holdings(levels - 1)} } } } }`;
    expect(codeOf(`{ me { ${holdings(1)} } }`)).toBe('ALLOWED');
    expect(codeOf(`{ me { ${holdings(3)} } }`)).toBe('QUERY_TOO_COMPLEX');
    expect(codeOf(`subscription { portfolioUpdated { holdings { accounts { owner { ${holdings(2)} } } } } }`)).toBe(
      'QUERY_TOO_COMPLEX',
    );
  });

  test('a stream is measured by each of its events', () => {
    const nested = `account { ${page('100', page('100', page('100', 'id')))} }`;
    expect(codeOf(`subscription { balanceUpdated(accountId: "a") { ${nested} } }`)).toBe('QUERY_TOO_COMPLEX');
  });

  test('a wide screen, a full statement and a long curve are allowed', () => {
    const line =
      'id type createdAt description counterparty amount { amount currency } balanceAfter { amount currency }';
    expect(codeOf(`{ account(id: "a") { transactions(first: 100) { edges { cursor node { ${line} } } } } }`)).toBe(
      'ALLOWED',
    );
    expect(
      codeOf(
        `{ me { accounts(first: 50) { edges { node { id transactions(first: 50) { edges { node { ${line} } } } } } } } }`,
      ),
    ).toBe('ALLOWED');
    expect(codeOf('{ me { portfolio { history(points: 1000) { date total { amount } } } } }')).toBe('ALLOWED');
  });

  test('a length that the subgraph refuses anyway is left to it', () => {
    const accounts = (first: number) => `{ me { accounts(first: ${first}) { edges { node { id } } } } }`;
    expect(codeOf(accounts(100_000_000))).toBe('ALLOWED');
    expect(codeOf(accounts(-1))).toBe('ALLOWED');
  });
});
