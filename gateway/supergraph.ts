import { readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { env } from 'node:process';
import { Supergraph, type Schema } from '@apollo/federation-internals';
import { ApolloGateway, type GraphQLDataSource } from '@apollo/gateway';
import { QueryPlanner } from '@apollo/query-planner';
import { GraphQLScalarType, valueFromASTUntyped, type GraphQLSchema } from 'graphql';
import type { Logger } from '../platform/log.ts';
import { scalars } from '../platform/scalars.ts';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../platform/subgraph.ts';
import { createSubgraphClient } from './subgraph-client.ts';

/**
 * The supergraph in use: Apollo's gateway for queries and mutations, and what subscriptions are planned with. A changed file
 * is loaded while the bank runs; one that does not load leaves the old in use.
 */
export interface Federation {
  gateway: ApolloGateway;
  /** The newest supergraph that loaded. */
  generation(): Generation;
  /** The way to each subgraph, as query plans name them. */
  services: Record<string, GraphQLDataSource>;
}

/** One loaded supergraph. Whatever is planned with it is also executed with it, so that a reload cannot mix two. */
export interface Generation {
  number: number;
  /** What clients see. */
  apiSchema: GraphQLSchema;
  /** The same for the planner. */
  plannerSchema: Schema;
  /** With the federation's own parts. */
  supergraphSchema: GraphQLSchema;
  planner: QueryPlanner;
}

export interface FederationDeps {
  /** Where schema/supergraph.graphql is. */
  supergraphPath: string;
  transports: Record<SubgraphName, SubgraphTransport>;
  log: Logger;
}

const RELOAD_DELAY_MS = 100;
/** The planner hands over parsed operations, so that a subgraph in this process parses nothing. */
const PLANNER_CONFIG = { exposeDocumentNodeInFetchNode: true };

export function createFederation(deps: FederationDeps): Federation {
  // Apollo's gateway phones home unless told not to, and asks the environment only.
  env['APOLLO_TELEMETRY_DISABLED'] = 'true';
  const services: Record<string, GraphQLDataSource> = {};
  for (const name of SUBGRAPH_NAMES) services[name] = createSubgraphClient(deps.transports[name]) as GraphQLDataSource;

  const gateway = new ApolloGateway({
    supergraphSdl: ({ update }) => Promise.resolve(followFile(deps, update)),
    buildService: ({ name }) => {
      const service = services[name];
      if (!service) throw new Error(`the supergraph names a subgraph "${name}" that this bank has not`);
      return service;
    },
    queryPlannerConfig: PLANNER_CONFIG,
    __exposeQueryPlanExperimental: false,
    logger: quiet(deps.log),
  });

  let generation: Generation | undefined;
  gateway.onSchemaLoadOrUpdate(({ apiSchema, coreSupergraphSdl }) => {
    generation = createGeneration((generation?.number ?? 0) + 1, apiSchema, coreSupergraphSdl);
  });
  return {
    gateway,
    services,
    generation: () => {
      if (!generation) throw new Error('the supergraph is not loaded yet');
      return generation;
    },
  };
}

/** What the gateway calls information is detail to us; the pino methods are bound, because Apollo takes them apart. */
function quiet(log: Logger) {
  return {
    debug: (message?: unknown) => log.trace(String(message)),
    info: (message?: unknown) => log.debug(String(message)),
    warn: (message?: unknown) => log.warn(String(message)),
    error: (message?: unknown) => log.error(String(message)),
  };
}

function followFile({ supergraphPath, log }: FederationDeps, update: (sdl: string) => void) {
  const read = (): string => readFileSync(supergraphPath, 'utf8');
  let timer: NodeJS.Timeout | undefined;
  const reload = (): void => {
    try {
      update(read());
      log.info('the supergraph file was read');
    } catch (error) {
      log.error({ err: error }, 'the changed supergraph does not load; the one before stays in use');
    }
  };
  // The folder and not the file: editors and deployments replace files, and a watch would stay with the old one.
  const watcher = watch(dirname(supergraphPath), () => {
    clearTimeout(timer);
    timer = setTimeout(reload, RELOAD_DELAY_MS);
  });
  watcher.on('error', (error) => log.warn({ err: error }, 'the supergraph file can no longer be watched'));
  const cleanup = (): Promise<void> => {
    clearTimeout(timer);
    watcher.close();
    return Promise.resolve();
  };
  return { supergraphSdl: read(), cleanup };
}

function createGeneration(number: number, apiSchema: GraphQLSchema, supergraphSdl: string): Generation {
  const supergraph = Supergraph.build(supergraphSdl, { validateSupergraph: false });
  checkScalars(apiSchema);
  return {
    number,
    apiSchema,
    plannerSchema: supergraph.apiSchema(),
    supergraphSchema: supergraph.schema.toGraphQLJSSchema(),
    planner: new QueryPlanner(supergraph, PLANNER_CONFIG),
  };
}

/**
 * Composition knows scalars by name only. The gateway checks their form already, so that a literal and a variable are refused
 * alike and before anything runs; the value itself goes on as the client wrote it.
 */
function checkScalars(schema: GraphQLSchema): void {
  for (const scalar of Object.values(scalars)) {
    const type = schema.getType(scalar.name);
    if (!(type instanceof GraphQLScalarType)) continue;
    type.parseValue = (value) => {
      scalar.parseValue(value);
      return value;
    };
    type.parseLiteral = (node, variables) => {
      scalar.parseLiteral(node, variables);
      return valueFromASTUntyped(node, variables);
    };
  }
}
