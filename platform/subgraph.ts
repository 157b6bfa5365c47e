import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper/resolverMap.js';
import type { Listener } from './event-listeners.ts';
import type { Caller, ClientOrigin, Viewer } from './viewer.ts';

export const SUBGRAPH_NAMES = ['user', 'wallet', 'portfolio', 'transfer', 'risk', 'insights'] as const;
export type SubgraphName = (typeof SUBGRAPH_NAMES)[number];

/** What every resolver gets beside its arguments. */
export interface SubgraphContext<Loaders = unknown> {
  /** Who asks; null for a caller without an access token. */
  viewer: Viewer | null;
  origin: ClientOrigin;
  requestId: string;
  /** Aborted when the deadline has passed or the caller has gone. */
  signal: AbortSignal;
  /** This request's own DataLoaders. */
  loaders: Loaders;
}

/** One subgraph, wired: what subgraphs/<name>/subgraph.ts returns. */
export interface Subgraph<Loaders = unknown> {
  name: SubgraphName;
  /** The text of its schema.graphql; schema/common.graphql is added by the server. */
  typeDefs: string;
  resolvers: GraphQLResolverMap<SubgraphContext<Loaders>>;
  /** DataLoaders for one request. */
  createLoaders(caller: Caller): Loaders;
  /** Reactions to events; safe to run twice. */
  listeners: Listener[];
  /** Typed questions of platform/questions/ it answers, by file name. */
  answers: Record<string, (question: unknown) => Promise<unknown>>;
  /** Begins what works by itself (jobs, market data). Called once, with the listeners running; nothing is served before it resolves. */
  start?(): Promise<void>;
  /** Ends what it holds open (streams, timers, jobs); its database pool is its giver's. */
  stop(): Promise<void>;
}

/**
 * What a subscription's source yields: `value` becomes the root value of the field's `resolve`; `position` (grows with every
 * event of one stream) lets the gateway put a late subscriber onto a shared stream without a gap or a repetition.
 */
export interface SourceEvent<Value> {
  value: Value;
  position?: number;
}

/** An operation for one subgraph. */
export interface SubgraphRequest {
  query: string;
  /** The parsed query, where the gateway has it at hand: saves parsing in the same process. */
  document?: DocumentNode;
  operationName?: string;
  variables: Record<string, unknown>;
  caller: Caller;
  signal: AbortSignal;
}

/** Each result of a subscription; `position` as in SourceEvent. */
export interface SubgraphEvent {
  result: ExecutionResult;
  position?: number;
}

/** How the gateway (and one subgraph's question to another) reaches a subgraph, in this process or over HTTP. */
export interface SubgraphTransport {
  execute(request: SubgraphRequest): Promise<ExecutionResult>;
  /** Errors of subscribing itself come as one event with `result.errors` and no data, and then the end. */
  subscribe(request: SubgraphRequest): AsyncIterableIterator<SubgraphEvent>;
  /** Asks one of the subgraph's questions (platform/questions/). */
  ask(question: string, body: unknown, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

/** A subgraph with its executable schema, ready to be served in process or over HTTP. */
export interface ServedSubgraph {
  subgraph: Subgraph;
  schema: GraphQLSchema;
  transport: SubgraphTransport;
}
