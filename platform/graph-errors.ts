import { isDatabaseLost } from './db.ts';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/**
 * GraphQL errors as clients see them: a code of docs/errors.md, a message, a path. Whatever carries no code of ours is a
 * fault of ours: it is logged and told as INTERNAL, without stack, SQL or address.
 */

export const INTERNAL_CODE = 'INTERNAL';
export const INTERNAL_MESSAGE = 'Something went wrong on our side. Nothing is known to be wrong with what you sent.';

/** An error that clients may see as it is. */
export function codedError(code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** There is no viewer, and the field needs one. */
export function unauthenticated(
  message = 'Sign in and send the access token as "authorization: Bearer …".',
): GraphQLError {
  return codedError('UNAUTHENTICATED', message);
}

/** What is asked for does not exist, or not for this viewer: another's thing is not forbidden but missing. */
export function notFound(message = 'There is no such thing, or not for you.'): GraphQLError {
  return codedError('NOT_FOUND', message);
}

/** Only the bank's own staff may: what is refused is an operation of the bank's, never somebody's thing (that is missing). */
export function forbidden(message = 'This is for the staff of the bank.'): GraphQLError {
  return codedError('FORBIDDEN', message);
}

/** The operation took longer than it may. What it began may still have been done: retry with the same idempotency key. */
export function deadlineExceeded(): GraphQLError {
  return codedError(
    'DEADLINE_EXCEEDED',
    'The answer took too long. If you changed something, ask again with the same idempotency key.',
  );
}

/** A part of the bank does not answer. Named by what it does, never by where it runs. */
export function subgraphUnavailable(name: string): GraphQLError {
  return codedError('SUBGRAPH_UNAVAILABLE', `The ${name} part of the bank does not answer. Try again soon.`);
}

/** A stream ended though its source goes on; the client resumes after the last version it has. */
export function sourceLost(): GraphQLError {
  return codedError(
    'SUBSCRIPTION_SOURCE_LOST',
    'The stream was interrupted. Subscribe again after the last version you have.',
  );
}

/** A stream's reader did not keep up; the client resumes after the last version it has. */
export function slowConsumer(): GraphQLError {
  return codedError(
    'SLOW_CONSUMER',
    'The events were not read fast enough. Subscribe again after the last version you have.',
  );
}

/** The database is away, for example while it starts anew. */
export function databaseUnavailable(): GraphQLError {
  return codedError(
    'DATABASE_UNAVAILABLE',
    'The bank does not reach its books just now. Try again soon; if you changed something, with the same idempotency key.',
  );
}

/** The code an error carries, or undefined. Wrapped errors keep the code of their cause. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof GraphQLError)) return undefined;
  const code = error.extensions['code'];
  if (typeof code === 'string') return code;
  return codeOf(error.originalError);
}

/**
 * The error as it may leave a process: code, message, path. An error without a code is handed to `report`, cause and all,
 * and leaves as INTERNAL.
 */
export function maskError(error: unknown, report: (cause: unknown) => void): GraphQLFormattedError {
  const graphQLError = error instanceof GraphQLError ? error : undefined;
  const cause = graphQLError?.originalError ?? error;
  const code = codeOf(error);
  if (code === undefined || code === INTERNAL_CODE) report(cause);
  if (code === undefined && isDatabaseLost(cause)) {
    return { ...databaseUnavailable().toJSON(), ...(graphQLError?.path && { path: graphQLError.path }) };
  }
  return {
    message: code === undefined || code === INTERNAL_CODE ? INTERNAL_MESSAGE : graphQLError!.message,
    ...(graphQLError?.path && { path: graphQLError.path }),
    extensions: { code: code ?? INTERNAL_CODE },
  };
}
