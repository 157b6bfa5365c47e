import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { isDay } from './days.ts';

/**
 * The graph's own scalars. They check form only: whether an amount or a currency makes sense is the domain's to say, so that
 * a variable and a literal, in one process or several, get the same answer.
 */

const MAX_TEXT = 64;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function invalid(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${name} must be a string.`);
  if (value.length > MAX_TEXT) throw invalid(`${name} must be at most ${MAX_TEXT} characters.`);
  return value;
}

function dateTime(value: unknown): Date {
  const given = text('DateTime', value);
  const match = DATE_TIME.exec(given);
  const date = new Date(given);
  // 24:00 and 31 February parse to another moment than what is written: the day itself must exist.
  if (!match || Number.isNaN(date.getTime()) || !isDay(match[1]!) || Number(match[2]) > 23) {
    throw invalid('DateTime must be RFC 3339, for example "2026-01-31T12:00:00.000Z".');
  }
  // The offset, too, can lead out of the years that databases and RFC 3339 know.
  if (date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999)
    throw invalid('DateTime must be in the years 1 to 9999.');
  return date;
}

function date(value: unknown): string {
  const given = text('Date', value);
  // There is no year 0: RFC 3339 counts it, Postgres does not.
  if (!isDay(given) || given.startsWith('0000')) throw invalid('Date must be YYYY-MM-DD.');
  return given;
}

function scalar<Internal>(
  name: string,
  parse: (value: unknown) => Internal,
  serialize: (value: unknown) => string,
): GraphQLScalarType<Internal, string> {
  return new GraphQLScalarType<Internal, string>({
    name,
    parseValue: parse,
    parseLiteral: (node: ValueNode) => {
      if (node.kind !== Kind.STRING) throw invalid(`${name} must be a string.`);
      return parse(node.value);
    },
    serialize,
  });
}

export const scalars = {
  Decimal: scalar('Decimal', (value) => text('Decimal', value), String),
  CurrencyCode: scalar('CurrencyCode', (value) => text('CurrencyCode', value), String),
  Date: scalar('Date', date, String),
  DateTime: scalar('DateTime', dateTime, (value) =>
    (value instanceof Date ? value : new Date(String(value))).toISOString(),
  ),
};
