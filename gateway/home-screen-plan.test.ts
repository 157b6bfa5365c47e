import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { parse } from 'graphql';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';
import { HOME_SCREEN } from '../tests/home-screen.ts';

/* Each subgraph can say who `me` is, so no part of the screen waits for another. A field that moves or an entity that lies in
   between would make the screen two steps, one after the other. */

const supergraph = Supergraph.build(readFileSync('schema/supergraph.graphql', 'utf8'));
const planner = new QueryPlanner(supergraph, { exposeDocumentNodeInFetchNode: true });

function plan(query: string) {
  return planner.buildQueryPlan(operationFromDocument(supergraph.apiSchema(), parse(query))).node;
}

test('the home screen is one parallel step over the six subgraphs', () => {
  const node = plan(HOME_SCREEN);
  if (node?.kind !== 'Parallel') throw new Error(`the plan is ${node?.kind}, not one parallel step`);
  const fetches = node.nodes.map((step) => {
    if (step.kind !== 'Fetch') throw new Error(`a step of the plan is ${step.kind}`);
    return step;
  });
  expect(fetches.map(({ serviceName }) => serviceName).sort()).toEqual([...SUBGRAPH_NAMES].sort());
  // What a fetch requires is what another one would have to bring first.
  expect(fetches.filter(({ requires }) => requires !== undefined)).toEqual([]);
});

test('a deeper screen asks each subgraph once, however many lines there will be', () => {
  const node = plan(`{ me { accounts { edges { node { name
    transactions { edges { node { category transfer { riskAssessment { level } } } } } } } } } }`);
  const kinds = JSON.stringify(node, (key, value: unknown) => (key === 'operationDocumentNode' ? undefined : value));
  expect(kinds.match(/"kind":"Fetch"/g)).toHaveLength(4);
});
