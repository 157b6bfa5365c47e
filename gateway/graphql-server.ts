import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import {
  GraphQLError,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Logger } from '../platform/log.ts';
import { checkAnswerSize } from './answer-size.ts';
import { maskClientError } from './client-errors.ts';
import { LIMITS } from './limits.ts';
import type { Sessions } from './sessions.ts';
import type { GatewayContext } from './subgraph-client.ts';
import type { Federation } from './supergraph.ts';

export interface GraphQLServerDeps {
  federation: Federation;
  sessions: Pick<Sessions, 'caughtUp'>;
  log: Logger;
  production: boolean;
}

/** How long an answer to logout waits for this gateway to know of it; the event is committed, so it will. */
const LOGOUT_SEEN_MS = 2000;

/** Apollo Server on the federation: queries and mutations of HTTP and sockets alike. */
export function createGraphQLServer(deps: GraphQLServerDeps): ApolloServer<GatewayContext> {
  const { federation, log, production } = deps;
  return new ApolloServer<GatewayContext>({
    gateway: federation.gateway,
    introspection: !production,
    hideSchemaDetailsFromClientErrors: production,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    parseOptions: { maxTokens: LIMITS.tokens },
    formatError: (_formatted, error) => maskClientError(error),
    logger: {
      debug: (message) => log.trace(String(message)),
      info: (message) => log.debug(String(message)),
      warn: (message) => log.warn(String(message)),
      error: (message) => log.error(String(message)),
    },
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      checkOperation,
      answerWithRequestId(log),
      waitForLogout(deps),
    ],
  });
}

/** What is found out about an operation before it is planned. Over HTTP there is no stream to send events on. */
const checkOperation: ApolloServerPlugin<GatewayContext> = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ schema, document, operation, request }) => {
      if (!operation) {
        throw new GraphQLError('There is no operation of that name, or several without one.', {
          extensions: { code: 'OPERATION_RESOLUTION_FAILURE', http: { status: 400 } },
        });
      }
      if (operation.operation !== OperationTypeNode.SUBSCRIPTION) {
        return checkAnswerSize(schema, document, operation, request.variables ?? {});
      }
      throw new GraphQLError('Subscriptions are followed over graphql-ws, a WebSocket at this same path.', {
        extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
      });
    },
  }),
};

/** Errors carry the request id, by which a person finds in the log what clients are not told. */
function answerWithRequestId(log: Logger): ApolloServerPlugin<GatewayContext> {
  return {
    requestDidStart: async ({ contextValue }) => {
      const { requestId } = contextValue.caller;
      return {
        didEncounterErrors: async ({ errors }) => {
          for (const error of errors) {
            maskClientError(error, (cause) => log.error({ err: cause, requestId }, 'an operation failed'));
          }
        },
        willSendResponse: async ({ response }) => {
          if (response.body.kind !== 'single') return;
          const { data, errors } = response.body.singleResult;
          // Extensions of the result (what the gateway found while completing values) are not for clients.
          response.body.singleResult = {
            ...(data !== undefined && { data }),
            ...(errors && {
              errors: errors.map((error) => ({ ...error, extensions: { ...error.extensions, requestId } })),
            }),
          };
        },
      };
    },
  };
}

/** Who is told "logged out" can rely on it: the old token must be void here before the answer leaves. */
function waitForLogout({ sessions, log }: GraphQLServerDeps): ApolloServerPlugin<GatewayContext> {
  return {
    requestDidStart: async () => ({
      willSendResponse: async ({ operation, document }) => {
        if (operation?.operation !== OperationTypeNode.MUTATION || !document || !asksFor('logout', operation, document))
          return;
        try {
          await sessions.caughtUp(AbortSignal.timeout(LOGOUT_SEEN_MS));
        } catch (error) {
          log.warn({ err: error }, 'logout was answered before this gateway saw it');
        }
      },
    }),
  };
}

/** Whether an operation has a root field of this name, under whatever alias and in whatever fragment. */
function asksFor(field: string, operation: OperationDefinitionNode, document: DocumentNode): boolean {
  const within = ({ selections }: SelectionSetNode): boolean =>
    selections.some((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value === field;
      if (selection.kind === Kind.INLINE_FRAGMENT) return within(selection.selectionSet);
      const name = selection.name.value;
      const fragment = document.definitions.find(
        (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
      );
      // Validation has refused circles of fragments.
      return fragment?.kind === Kind.FRAGMENT_DEFINITION && within(fragment.selectionSet);
    });
  return within(operation.selectionSet);
}
