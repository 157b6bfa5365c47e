import fc from 'fast-check';
import type { LedgerRefusal } from '../ledger/entry.ts';
import type { HoldEnded } from './holds.ts';

/*
 * What can be done with a few accounts and the holds on them, as data, and a model of a few lines that says what must come of it. Accounts
 * and holds (of those there are, modulo) are named by number; amounts count units of their currency.
 */

export type Operation = { crash: boolean } & (
  | { op: 'post'; from: number; to: number | null; units: bigint }
  | { op: 'place'; account: number; units: bigint }
  | { op: 'capture'; hold: number; to: number | null; units: bigint; final: boolean }
  | { op: 'release'; hold: number; units: bigint | null }
  | { op: 'increase'; hold: number; units: bigint }
  | { op: 'pass'; hold: number }
  | { op: 'sweep' }
  | { op: 'freeze'; account: number; frozen: boolean }
);

export type Outcome =
  'DONE' | LedgerRefusal | HoldEnded | 'CAPTURE_EXCEEDS_HOLD' | 'RELEASE_EXCEEDS_HOLD' | 'NO_SUCH_HOLD' | number;

/** Accounts in currencies of 2, 0 and 18 decimals, two of each; every one of another customer. A unit of ether uses all of its decimals. */
export const CURRENCIES = ['USD', 'USD', 'JPY', 'JPY', 'ETH', 'ETH'] as const;
export const UNIT: Record<(typeof CURRENCIES)[number], bigint> = { USD: 1n, JPY: 1n, ETH: 10n ** 18n + 1n };
/** What each account begins with, and what its owner may spend in a day, in units. */
export const FUNDS = 100n;
export const LIMIT = 80n;

const account = fc.nat(CURRENCIES.length - 1);
const hold = fc.nat(7);
const units = fc.bigInt(1n, 70n);
const part = fc.bigInt(1n, 30n);
/** Now and then to anybody, in another currency perhaps; else (null) to the other account in the same. */
const to = fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: account });
/** A crash is a connection that breaks before the commit. */
const crash = fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0);
const op = <Name extends Operation['op']>(name: Name) => fc.constant(name);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: op('post'), from: account, to, units, crash }) },
  { weight: 5, arbitrary: fc.record({ op: op('place'), account, units, crash }) },
  { weight: 5, arbitrary: fc.record({ op: op('capture'), hold, to, units: part, final: fc.boolean(), crash }) },
  { weight: 3, arbitrary: fc.record({ op: op('release'), hold, units: fc.option(part), crash }) },
  { weight: 2, arbitrary: fc.record({ op: op('increase'), hold, units: part, crash }) },
  { weight: 2, arbitrary: fc.record({ op: op('pass'), hold, crash: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ op: op('sweep'), crash }) },
  { weight: 1, arbitrary: fc.record({ op: op('freeze'), account, frozen: fc.boolean(), crash: fc.constant(false) }) },
);

export const operations = (maxLength: number, minLength = 1): fc.Arbitrary<Operation[]> =>
  fc.array(operation, { minLength, maxLength, size: 'max' });

interface ModelHold {
  account: number;
  left: bigint;
  state: 'OPEN' | 'CLOSED' | 'EXPIRED';
  past: boolean;
}

/** The books as they must be, in units. */
export interface Model {
  accounts: { posted: bigint; held: bigint; spent: bigint; version: number; frozen: boolean }[];
  holds: ModelHold[];
}

export function newModel(): Model {
  return {
    accounts: CURRENCIES.map(() => ({ posted: FUNDS, held: 0n, spent: 0n, version: 1, frozen: false })),
    holds: [],
  };
}

/** What must come of an operation; changes the model, unless it is refused. A hold is one of those placed so far. */
export function predict(model: Model, operation: Operation): Outcome {
  switch (operation.op) {
    case 'post':
      return predictPost(model, operation);
    case 'place': {
      const refusal = refusalToHold(model, operation.account, operation.units);
      if (refusal) return refusal;
      model.holds.push({ account: operation.account, left: 0n, state: 'OPEN', past: false });
      return holdMore(model, model.holds.at(-1)!, operation.units);
    }
    case 'sweep': {
      const due = model.holds.filter(({ state, past }) => state === 'OPEN' && past);
      for (const each of due) free(model, each, each.left, 'EXPIRED');
      return due.length;
    }
    case 'freeze':
      model.accounts[operation.account]!.frozen = operation.frozen;
      return 'DONE';
    case 'capture':
    case 'increase':
    case 'pass':
    case 'release': {
      const found = model.holds[operation.hold % model.holds.length];
      return found ? predictOfHold(model, found, operation) : 'NO_SUCH_HOLD';
    }
  }
}

type OfHold = Extract<Operation, { hold: number }>;

function predictOfHold(model: Model, hold: ModelHold, operation: OfHold): Outcome {
  if (operation.op === 'pass') {
    hold.past = true;
    return 'DONE';
  }
  if (operation.op === 'release') {
    if (hold.state !== 'OPEN') return 'HOLD_CLOSED';
    if (operation.units !== null && operation.units > hold.left) return 'RELEASE_EXCEEDS_HOLD';
    free(model, hold, operation.units ?? hold.left, 'CLOSED');
    return 'DONE';
  }
  if (hold.state === 'EXPIRED' || (hold.state === 'OPEN' && hold.past)) return 'HOLD_EXPIRED';
  if (hold.state === 'CLOSED') return 'HOLD_CLOSED';
  if (operation.op === 'increase') {
    return refusalToHold(model, hold.account, operation.units) ?? holdMore(model, hold, operation.units);
  }
  const { units, final } = operation;
  if (units > hold.left) return 'CAPTURE_EXCEEDS_HOLD';
  const to = destinationOf(hold.account, operation.to);
  const refusal = refusalToReceive(model, hold.account, to);
  if (refusal) return refusal;
  const rest = final ? hold.left - units : 0n;
  const from = model.accounts[hold.account]!;
  from.held -= units + rest;
  from.spent -= rest;
  hold.left -= units + rest;
  if (hold.left === 0n) hold.state = 'CLOSED';
  move(model, hold.account, to, units);
  return 'DONE';
}

/** Where money goes: never onto the account that it leaves. */
export const destinationOf = (from: number, to: number | null): number => (to === null || to === from ? from ^ 1 : to);

function predictPost(model: Model, { from, units, ...operation }: Extract<Operation, { op: 'post' }>): Outcome {
  const to = destinationOf(from, operation.to);
  const source = model.accounts[from]!;
  if (source.frozen) return 'ACCOUNT_FROZEN';
  if (source.posted - source.held < units) return 'INSUFFICIENT_FUNDS';
  const refusal = refusalToReceive(model, from, to);
  if (refusal) return refusal;
  if (source.spent + units > LIMIT) return 'LIMIT_EXCEEDED';
  source.spent += units;
  move(model, from, to, units);
  return 'DONE';
}

function refusalToReceive(model: Model, from: number, to: number): Outcome | null {
  if (CURRENCIES[from] !== CURRENCIES[to]) return 'CURRENCY_MISMATCH';
  return model.accounts[to]!.frozen ? 'ACCOUNT_FROZEN' : null;
}

function refusalToHold(model: Model, account: number, units: bigint): Outcome | null {
  const { frozen, posted, held, spent } = model.accounts[account]!;
  if (frozen) return 'ACCOUNT_FROZEN';
  if (posted - held < units) return 'INSUFFICIENT_FUNDS';
  return spent + units > LIMIT ? 'LIMIT_EXCEEDED' : null;
}

function holdMore(model: Model, hold: ModelHold, units: bigint): Outcome {
  const account = model.accounts[hold.account]!;
  account.held += units;
  account.spent += units;
  account.version++;
  hold.left += units;
  return 'DONE';
}

function free(model: Model, hold: ModelHold, units: bigint, end: 'CLOSED' | 'EXPIRED'): void {
  const account = model.accounts[hold.account]!;
  account.held -= units;
  account.spent -= units;
  account.version++;
  hold.left -= units;
  if (hold.left === 0n) hold.state = end;
}

function move(model: Model, from: number, to: number, units: bigint): void {
  const [source, target] = [model.accounts[from]!, model.accounts[to]!];
  source.posted -= units;
  source.version++;
  target.posted += units;
  target.version++;
}
