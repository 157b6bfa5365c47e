import { invalidRequest } from './answers.ts';
import type { Form } from './form.ts';

/** Reads the parameters of one request; each fault is answered as Stripe answers it. */
export interface Parameters {
  text(name: string): string | undefined;
  required(name: string): string;
  integer(name: string): number | undefined;
  flag(name: string): boolean;
  metadata(): Record<string, string>;
}

const MAX_METADATA = 50;

/** The parameters of a form, which may have `known` names and no others. */
export function readParameters(form: Form, known: readonly string[]): Parameters {
  for (const name of Object.keys(form)) {
    if (!known.includes(name)) {
      throw invalidRequest(`Received unknown parameter: ${name}`, { code: 'parameter_unknown', param: name });
    }
  }
  const text = (name: string): string | undefined => {
    const value = form[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw invalidRequest(`Invalid string: ${name}`, { param: name });
    if (value === '') {
      throw invalidRequest(`You passed an empty string for '${name}'.`, {
        code: 'parameter_invalid_empty',
        param: name,
      });
    }
    return value;
  };
  return {
    text,
    required(name) {
      const value = text(name);
      if (value === undefined) {
        throw invalidRequest(`Missing required param: ${name}.`, { code: 'parameter_missing', param: name });
      }
      return value;
    },
    integer(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^-?\d{1,15}$/.test(value)) {
        throw invalidRequest(`Invalid integer: ${value}`, { code: 'parameter_invalid_integer', param: name });
      }
      return Number(value);
    },
    flag(name) {
      const value = text(name);
      if (value !== undefined && value !== 'true' && value !== 'false') {
        throw invalidRequest(`Invalid boolean: ${value}`, { param: name });
      }
      return value === 'true';
    },
    metadata() {
      const value = form['metadata'];
      if (value === undefined) return {};
      if (typeof value === 'string') throw invalidRequest('Invalid hash', { param: 'metadata' });
      const pairs = Object.entries(value);
      if (pairs.length > MAX_METADATA) throw invalidRequest('Metadata can have up to 50 keys', { param: 'metadata' });
      for (const [name, each] of pairs) {
        if (typeof each !== 'string' || name.length > 40 || each.length > 500) {
          throw invalidRequest(`Invalid metadata: ${name}`, { param: `metadata[${name}]` });
        }
      }
      // Each value was just found to be a string.
      return Object.fromEntries(pairs) as Record<string, string>;
    },
  };
}
