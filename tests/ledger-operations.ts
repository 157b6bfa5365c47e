import fc from 'fast-check';
import type { LedgerRefusal } from '../ledger/entry.ts';
import type { OverdraftRefusal } from '../ledger/overdraft.ts';
import type { PocketVerdictRefusal } from '../ledger/pockets.ts';
import type { CollectionVerdict } from '../ledger/receivables.ts';
import type { HoldEnded } from './holds.ts';
import type { ReversalVerdict } from './reversals.ts';

/*
 * What can be done with the books, as data: with a few accounts, their holds and pockets, what was posted and taken back, and what is owed since.
 * Accounts are named by number, and so are holds, posts and debts (of those there are, modulo); amounts count units of their currency. What
 * must come of it says tests/ledger-model.ts.
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
  | { op: 'overdraft'; account: number; units: bigint }
  | { op: 'pocket'; account: number; units: bigint }
  | { op: 'reverse'; post: number; units: bigint | null; shortfall: 'REFUSE' | 'RECEIVABLE' }
  | { op: 'collect'; debt: number }
);

export type Outcome =
  | 'DONE'
  | 'UNCHANGED'
  | LedgerRefusal
  | HoldEnded
  | OverdraftRefusal
  | PocketVerdictRefusal
  | Exclude<CollectionVerdict['verdict'], 'COLLECTED'>
  | Exclude<ReversalVerdict, 'POSTED'>
  | 'CAPTURE_EXCEEDS_HOLD'
  | 'RELEASE_EXCEEDS_HOLD'
  /** There is nothing yet that it could be done with. */
  | 'NOTHING_THERE'
  /** Its backend was killed: it has happened whole, or not at all. */
  | 'KILLED'
  /** How many holds a sweep ended. */
  | number;

/** Accounts in currencies of 2, 0 and 18 decimals, two of each; every one of another customer. A unit of ether uses all of its decimals. */
export const CURRENCIES = ['USD', 'USD', 'JPY', 'JPY', 'ETH', 'ETH'] as const;
export const UNIT: Record<(typeof CURRENCIES)[number], bigint> = { USD: 1n, JPY: 1n, ETH: 10n ** 18n + 1n };
/** What each account begins with, and what its owner may spend in a day, in units. */
export const FUNDS = 40n;
export const LIMIT = 80n;

const account = fc.nat(CURRENCIES.length - 1);
const hold = fc.nat(7);
const units = fc.bigInt(1n, 70n);
const part = fc.bigInt(1n, 30n);
const post = fc.nat(5);
/** Into a pocket, or out of it. */
const moved = fc.bigInt(-20n, 30n).filter((each) => each !== 0n);
const shortfall = fc.constantFrom('REFUSE' as const, 'RECEIVABLE' as const);
/** Now and then to anybody, in another currency perhaps; else (null) to the other account in the same. */
const to = fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: account });
/** A crash is a backend that is killed before the commit. */
const crash = fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0);
const seldom = fc.nat(4).map((roll) => roll === 0);
const op = <Name extends Operation['op']>(name: Name) => fc.constant(name);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: op('post'), from: account, to, units, crash }) },
  { weight: 5, arbitrary: fc.record({ op: op('place'), account, units, crash }) },
  { weight: 5, arbitrary: fc.record({ op: op('capture'), hold, to, units: part, final: fc.boolean(), crash }) },
  { weight: 3, arbitrary: fc.record({ op: op('release'), hold, units: fc.option(part), crash }) },
  { weight: 2, arbitrary: fc.record({ op: op('increase'), hold, units: part, crash }) },
  { weight: 2, arbitrary: fc.record({ op: op('pass'), hold, crash: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ op: op('sweep'), crash }) },
  { weight: 1, arbitrary: fc.record({ op: op('freeze'), account, frozen: seldom, crash: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ op: op('overdraft'), account, units: fc.bigInt(0n, 40n), crash }) },
  { weight: 2, arbitrary: fc.record({ op: op('pocket'), account, units: moved, crash }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: op('reverse'), post, units: fc.option(part, { freq: 1 }), shortfall, crash }),
  },
  { weight: 4, arbitrary: fc.record({ op: op('collect'), debt: fc.nat(3), crash }) },
);

export const operations = (maxLength: number, minLength = 1): fc.Arbitrary<Operation[]> =>
  fc.array(operation, { minLength, maxLength, size: 'max' });

/** Where money goes: never onto the account that it leaves. */
export const destinationOf = (from: number, to: number | null): number => (to === null || to === from ? from ^ 1 : to);
