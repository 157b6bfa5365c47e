import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { codeOf, INTERNAL_CODE, INTERNAL_MESSAGE } from '../platform/graph-errors.ts';

/** Codes by which Apollo means that something is wrong on our side. */
const FAULTS = new Set([INTERNAL_CODE, 'INTERNAL_SERVER_ERROR', 'DOWNSTREAM_SERVICE_ERROR']);

/** A wrong scalar makes the whole document invalid to Apollo; to the client the value was wrong, as it is in a variable. */
const BAD_INPUT = 'BAD_USER_INPUT';

/**
 * An error as it leaves the gateway: message, path, locations, code; never a stack, SQL, address or subgraph. What is our
 * fault is told as INTERNAL, and its cause handed to `report`.
 */
export function maskClientError(error: unknown, report: (cause: unknown) => void = () => {}): GraphQLFormattedError {
  const graphQLError = error instanceof GraphQLError ? error : undefined;
  const code = clientCode(graphQLError);
  // What says INTERNAL already was logged where it happened, with its cause.
  if (code === INTERNAL_CODE && codeOf(error) !== INTERNAL_CODE) report(rootCause(error));
  return {
    message: graphQLError && code !== INTERNAL_CODE ? graphQLError.message : INTERNAL_MESSAGE,
    ...(graphQLError?.locations && { locations: graphQLError.locations }),
    ...(graphQLError?.path && { path: graphQLError.path }),
    extensions: { code },
  };
}

function clientCode(error: GraphQLError | undefined): string {
  const code = codeOf(error);
  if (error && refusedByStatus(error)) return 'BAD_REQUEST';
  if (code === undefined || FAULTS.has(code)) return INTERNAL_CODE;
  if (codeOf(error?.originalError) === BAD_INPUT) return BAD_INPUT;
  return code;
}

/** Apollo Server tells some refusals (a persisted query's hash that does not fit) by their HTTP status alone. */
function refusedByStatus({ extensions }: GraphQLError): boolean {
  const { code, http } = extensions as { code?: unknown; http?: { status?: number } };
  return code === undefined && http?.status !== undefined && http.status >= 400 && http.status < 500;
}

function rootCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootCause(error.originalError) : error;
}
