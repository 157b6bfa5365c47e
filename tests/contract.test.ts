import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  buildSchema,
  findBreakingChanges,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  type GraphQLNamedType,
} from 'graphql';
import { compose, CompositionError, staleFiles } from '../scripts/compose.ts';

const contract = buildSchema(readFileSync('tests/contract.graphql', 'utf8'));
const api = buildSchema(readFileSync('schema/api.graphql', 'utf8'));

type Place = [name: string, description: string | null | undefined];

/** Every place of a type that a client reads about, with its description. */
function describedPlaces(type: GraphQLNamedType): Place[] {
  const places: Place[] = [[type.name, type.description]];
  if (isEnumType(type)) {
    for (const value of type.getValues()) places.push([`${type.name}.${value.name}`, value.description]);
  } else if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) places.push([`${type.name}.${field.name}`, field.description]);
  } else if (isObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      places.push([`${type.name}.${field.name}`, field.description]);
      for (const arg of field.args) places.push([`${type.name}.${field.name}(${arg.name})`, arg.description]);
    }
  }
  return places;
}

describe('the graph that clients see', () => {
  test('keeps every promise of the contract', () => {
    expect(Object.keys(contract.getTypeMap()).length).toBeGreaterThan(80);
    expect(findBreakingChanges(contract, api)).toEqual([]);
  });

  test('explains every type, field, argument and enum value', () => {
    const types = Object.values(api.getTypeMap()).filter(
      (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
    );
    const places = types.flatMap(describedPlaces);
    expect(places.length).toBeGreaterThan(300);
    expect(places.filter(([, description]) => !description?.trim()).map(([place]) => place)).toEqual([]);
  });
});

describe('composition', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'dwaybank-compose-'));
  cpSync('schema', path.join(root, 'schema'), { recursive: true });
  cpSync('subgraphs', path.join(root, 'subgraphs'), {
    recursive: true,
    filter: (source) => !/\.[jt]s$/.test(source),
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const change = (file: string, edit: (text: string) => string, check: () => void): void => {
    const at = path.join(root, file);
    const before = readFileSync(at, 'utf8');
    const after = edit(before);
    expect(after).not.toBe(before);
    writeFileSync(at, after);
    try {
      check();
    } finally {
      writeFileSync(at, before);
    }
  };

  test('of what is committed gives what is committed, without a hint', () => {
    expect(staleFiles('.')).toEqual([]);
  });

  test('gives the same text each time', () => {
    expect(compose(root)).toEqual(compose(root));
  });

  test('notices a field that was added and not composed', () => {
    const addField = (text: string): string =>
      text.replace('displayName: String!', 'displayName: String!\n  "New."\n  nickname: String');
    change('subgraphs/user/schema.graphql', addField, () => {
      expect(staleFiles(root)).toEqual(['schema/supergraph.graphql', 'schema/api.graphql']);
    });
  });

  test('fails when two subgraphs describe one type differently', () => {
    const redescribe = (text: string): string => text.replace('A customer or member of staff.', 'Somebody.');
    change('subgraphs/risk/schema.graphql', redescribe, () => {
      expect(() => compose(root)).toThrow(CompositionError);
    });
  });

  test('fails when a subgraph uses a type that nobody has', () => {
    const use = (text: string): string => text.replace('accounts: [Account]!', 'accounts: [Acount]!');
    change('subgraphs/portfolio/schema.graphql', use, () => {
      expect(() => compose(root)).toThrow(/Acount/);
    });
  });
});
