import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { buildSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import { checkLimits, createLimitCheck, LIMITS } from './limits.ts';

const codeOf = (query: string) => checkLimits(query)?.extensions['code'] ?? 'ALLOWED';

const HOME = `
  query Home { me { id displayName
    accounts(first: 20) { edges { node { id name kind status currency
      balance { posted { ...money } held { ...money } available { ...money } version asOf }
      transactions(first: 20) { pageInfo { hasNextPage endCursor } edges { cursor node {
        id type amount { ...money } balanceAfter { ...money } description counterparty category riskScore complianceStatus createdAt
        transfer { id status source { label account { owner { displayName riskProfile { level limits { daily { ...money } monthly { ...money } } } } } } destination { label } }
      } } } } } }
    portfolio { total { ...money } holdings { currency quantity value { ...money } } history(points: 30) { date total { ...money } } }
    riskProfile { level score } riskAlerts { edges { node { message } } }
    insights { spending(from: "2026-01-01", to: "2026-02-01") { total { ...money } categories { category total { ...money } } } recommendations { title body } }
  } }
  fragment money on Money { amount currency }`;

const doubling = (levels: number) =>
  `{ me { ...f0 } } fragment f${levels} on User { id } ` +
  Array.from({ length: levels }, (_, level) => `fragment f${level} on User { ...f${level + 1} ...f${level + 1} }`).join(
    ' ',
  );

const nested = (levels: number) => `${'{ a '.repeat(levels)}${'}'.repeat(levels)}`;

describe('what clients really send is allowed', () => {
  test('a home screen with everything on it', () => {
    expect(validate(buildSchema(readFileSync('schema/api.graphql', 'utf8')), parse(HOME))).toEqual([]);
    expect(codeOf(HOME)).toBe('ALLOWED');
  });

  test('the introspection of GraphiQL', () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      oneOf: true,
    });
    expect(codeOf(query)).toBe('ALLOWED');
  });

  test('exactly as much as the limits say', () => {
    expect(codeOf(nested(LIMITS.depth))).toBe('ALLOWED');
    expect(codeOf(`{ ${'a,'.repeat(LIMITS.rootFields)} }`)).toBe('ALLOWED');
    const fields = Array.from({ length: 40 }, (_, n) => `f${n}`).join(' ');
    expect(codeOf(`{ a { ...wide } } fragment wide on T { ${fields} }`)).toBe('ALLOWED');
    expect(codeOf(`{ a { ${Array.from({ length: LIMITS.aliases }, (_, n) => `a${n}: b`).join(' ')} } }`)).toBe(
      'ALLOWED',
    );
  });

  test('text that does not parse is the parser’s to refuse', () => {
    expect(codeOf('{ me {')).toBe('ALLOWED');
    expect(codeOf('"unterminated')).toBe('ALLOWED');
  });
});

describe('what would take the gateway’s time is refused', () => {
  test.each([
    ['one field ten thousand times', `{ me { ${'id '.repeat(10_000)} } }`, 'QUERY_TOO_LARGE'],
    ['one field as often as tokens allow', `{ me { ${'id '.repeat(LIMITS.tokens - 10)} } }`, 'QUERY_TOO_COMPLEX'],
    ['one field two hundred times', `{ me { ${'id '.repeat(200)} } }`, 'QUERY_TOO_COMPLEX'],
    ['the same in two equal parents', `{ ${`me { ${'id '.repeat(60)} }`.repeat(2)} }`, 'QUERY_TOO_COMPLEX'],
    ['sixteen doubling fragments', doubling(16), 'QUERY_TOO_COMPLEX'],
    [
      'doubling fragments that nothing uses',
      doubling(16).replace('{ me { ...f0 } }', '{ me { id } }'),
      'QUERY_TOO_COMPLEX',
    ],
    ['fields three thousand deep', nested(3000), 'QUERY_TOO_DEEP'],
    ['fields a thousand deep', nested(1000), 'QUERY_TOO_DEEP'],
    ['one field too deep', nested(LIMITS.depth + 1), 'QUERY_TOO_DEEP'],
    [
      'depth hidden in fragments',
      `{ ...f0 } ${Array.from({ length: 25 }, (_, n) => `fragment f${n} on T { a { ...f${n + 1} } }`).join(' ')} fragment f25 on T { a }`,
      'QUERY_TOO_DEEP',
    ],
    ['values a thousand deep', `{ a(b: ${'['.repeat(1000)}${']'.repeat(1000)}) }`, 'QUERY_TOO_DEEP'],
    [
      'one alias too many',
      `{ a { ${Array.from({ length: LIMITS.aliases + 1 }, (_, n) => `a${n}: b`).join(' ')} } }`,
      'TOO_MANY_ALIASES',
    ],
    [
      'aliases multiplied by fragments',
      `{ a { ${Array.from({ length: 20 }, (_, n) => `x${n}: b { ...f }`).join(' ')} } } fragment f on T { p: a q: a r: a s: a t: a }`,
      'TOO_MANY_ALIASES',
    ],
    [
      'one root field too many',
      `{ ${Array.from({ length: LIMITS.rootFields + 1 }, (_, n) => `f${n}`).join(' ')} }`,
      'QUERY_TOO_COMPLEX',
    ],
    ['hundreds of directives', `{ a ${'@skip(if: false) '.repeat(200)} }`, 'QUERY_TOO_COMPLEX'],
  ])('%s', (_, query, code) => {
    const before = performance.now();
    expect(codeOf(query)).toBe(code);
    // A few milliseconds where nothing else runs; what multiplies would take minutes.
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test('fragments in a circle come to an end', () => {
    expect(codeOf('{ ...a } fragment a on Query { me { id } ...b } fragment b on Query { ...a }')).toBe('ALLOWED');
  });

  test('a verdict is remembered, also the good ones', () => {
    const check = createLimitCheck();
    const query = doubling(16);
    expect(check(query)).toBe(check(query));
    expect(check(HOME)).toBeNull();
    expect(check(HOME)).toBeNull();
  });
});
