import type { GraphQLDataSource } from '@apollo/gateway';
import type { SubgraphTransport } from '../platform/subgraph.ts';
import type { Caller } from '../platform/viewer.ts';

/** What every part of the gateway's execution knows of a request. */
export interface GatewayContext {
  caller: Caller;
  /** Aborted with a coded error as reason when the operation's time is over. */
  signal: AbortSignal;
}

type DataSource = GraphQLDataSource<GatewayContext>;

/**
 * The gateway's one way to a subgraph: the planner's operation, already parsed, goes to the transport with the caller.
 * Transports reject with coded errors only (DEADLINE_EXCEEDED, SUBGRAPH_UNAVAILABLE), which cost just the fields asked here.
 */
export function createSubgraphClient(transport: SubgraphTransport): DataSource {
  return {
    process: async (options) => {
      const { request, context } = options;
      // Health checks and schema loading, the other kinds, are not used: the supergraph comes from a file.
      const { caller, signal } = context as GatewayContext;
      const result = await transport.execute({
        query: request.query ?? '',
        ...('document' in options && options.document && { document: options.document }),
        ...(request.operationName && { operationName: request.operationName }),
        variables: request.variables ?? {},
        caller,
        signal,
      });
      return result;
    },
  };
}
