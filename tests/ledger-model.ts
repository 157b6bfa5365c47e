import { CURRENCIES, destinationOf, FUNDS, LIMIT, type Operation, type Outcome } from './ledger-operations.ts';

/* The books as they must be after any operations (tests/ledger-operations.ts), and what must be said to each: a few lines for what SQL does. */

interface ModelHold {
  account: number;
  left: bigint;
  state: 'OPEN' | 'CLOSED' | 'EXPIRED';
  past: boolean;
}

/** The books as they must be, in units. */
export interface Model {
  accounts: {
    posted: bigint;
    held: bigint;
    spent: bigint;
    version: number;
    frozen: boolean;
    overdraft: bigint;
    /** Of what is held. */
    pocket: bigint;
  }[];
  holds: ModelHold[];
  /** What was posted, and what of it was not taken back. */
  posts: { from: number; to: number; remaining: bigint }[];
  /** What is owed by whose account it is. */
  debts: { account: number; owed: bigint }[];
}

export function newModel(): Model {
  return {
    accounts: CURRENCIES.map(() => ({
      posted: FUNDS,
      held: 0n,
      spent: 0n,
      version: 1,
      frozen: false,
      overdraft: 0n,
      pocket: 0n,
    })),
    holds: [],
    posts: [],
    debts: [],
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
    case 'overdraft':
      return predictOverdraft(model, operation);
    case 'pocket':
      return predictPocket(model, operation);
    case 'reverse':
      return predictReversal(model, operation);
    case 'collect':
      return predictCollection(model, operation);
    case 'capture':
    case 'increase':
    case 'pass':
    case 'release': {
      const found = model.holds[operation.hold % model.holds.length];
      return found ? predictOfHold(model, found, operation) : 'NOTHING_THERE';
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

function predictPost(model: Model, { from, units, ...operation }: Extract<Operation, { op: 'post' }>): Outcome {
  const to = destinationOf(from, operation.to);
  const source = model.accounts[from]!;
  if (source.frozen) return 'ACCOUNT_FROZEN';
  if (source.posted - source.held + source.overdraft < units) return 'INSUFFICIENT_FUNDS';
  const refusal = refusalToReceive(model, from, to);
  if (refusal) return refusal;
  if (source.spent + units > LIMIT) return 'LIMIT_EXCEEDED';
  source.spent += units;
  move(model, from, to, units);
  model.posts.push({ from, to, remaining: units });
  return 'DONE';
}

function predictOverdraft(model: Model, { account, units }: Extract<Operation, { op: 'overdraft' }>): Outcome {
  const found = model.accounts[account]!;
  if (found.overdraft === units) return 'UNCHANGED';
  if (found.posted - found.held + units < 0n) return 'OVERDRAFT_IN_USE';
  found.overdraft = units;
  found.version++;
  return 'DONE';
}

function predictPocket(model: Model, { account, units }: Extract<Operation, { op: 'pocket' }>): Outcome {
  const found = model.accounts[account]!;
  if (found.frozen) return 'ACCOUNT_FROZEN';
  if (units > found.posted - found.held && units > 0n) return 'INSUFFICIENT_FUNDS';
  if (found.pocket + units < 0n) return 'POCKET_INSUFFICIENT';
  found.pocket += units;
  found.held += units;
  found.version++;
  return 'DONE';
}

function predictReversal(model: Model, operation: Extract<Operation, { op: 'reverse' }>): Outcome {
  const post = model.posts[operation.post % model.posts.length];
  if (!post) return 'NOTHING_THERE';
  const amount = operation.units ?? post.remaining;
  if (amount > post.remaining || post.remaining === 0n) return 'REFUND_EXCEEDS_REMAINING';
  const [payer, payee] = [model.accounts[post.from]!, model.accounts[post.to]!];
  const available = payee.posted - payee.held + payee.overdraft;
  const own = operation.shortfall === 'RECEIVABLE' && available < amount ? available : amount;
  if (own > 0n && payee.frozen) return 'ACCOUNT_FROZEN';
  if (own > available) return 'INSUFFICIENT_FUNDS';
  if (payer.frozen) return 'ACCOUNT_FROZEN';
  if (own > 0n) payee.version++;
  payee.posted -= own;
  payer.posted += amount;
  payer.version++;
  post.remaining -= amount;
  if (own < amount) model.debts.push({ account: post.to, owed: amount - own });
  return 'DONE';
}

function predictCollection(model: Model, operation: Extract<Operation, { op: 'collect' }>): Outcome {
  const debt = model.debts[operation.debt % model.debts.length];
  if (!debt) return 'NOTHING_THERE';
  const account = model.accounts[debt.account]!;
  const available = account.posted - account.held;
  if (debt.owed === 0n) return 'SETTLED';
  if (account.frozen) return 'ACCOUNT_FROZEN';
  if (available <= 0n) return 'NOTHING_AVAILABLE';
  const taken = available < debt.owed ? available : debt.owed;
  account.posted -= taken;
  account.version++;
  debt.owed -= taken;
  return 'DONE';
}

function refusalToReceive(model: Model, from: number, to: number): Outcome | null {
  if (CURRENCIES[from] !== CURRENCIES[to]) return 'CURRENCY_MISMATCH';
  return model.accounts[to]!.frozen ? 'ACCOUNT_FROZEN' : null;
}

function refusalToHold(model: Model, account: number, units: bigint): Outcome | null {
  const { frozen, posted, held, overdraft, spent } = model.accounts[account]!;
  if (frozen) return 'ACCOUNT_FROZEN';
  if (posted - held + overdraft < units) return 'INSUFFICIENT_FUNDS';
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
