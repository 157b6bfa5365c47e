import type { Customer, GraphMoney } from './customer.ts';
import type { Report } from './report.ts';

/** One end of the payments that are followed. */
export interface Side {
  customer: Customer;
  accountId: string;
}

interface BalanceEvent {
  balanceUpdated: { kind: 'SNAPSHOT' | 'CHANGE'; balance: { version: number; posted: GraphMoney } };
}

const FOLLOW = `subscription ($id: ID!) {
  balanceUpdated(accountId: $id) { kind balance { version posted { amount currency } } cause { amount { amount } } } }`;

const TRANSFERS = 20;

/** Twenty payments both ways at once, while each side follows its own balance live. */
export async function followBalances(report: Report, sides: readonly [Side, Side]): Promise<void> {
  const before = await Promise.all(sides.map(({ customer, accountId }) => customer.balance(accountId)));
  const followings = sides.map(({ customer, accountId }) => customer.follow<BalanceEvent>(FOLLOW, { id: accountId }));
  try {
    await Promise.all(followings.map((following) => following.until('the first balance', (all) => all.length > 0)));
    const began = performance.now();
    const payments = Array.from({ length: TRANSFERS }, (_, n) => {
      const [from, to] = n % 2 === 0 ? sides : ([sides[1], sides[0]] as const);
      const amount = { amount: `${1 + (n % 5)}.25`, currency: 'USD' };
      return from.customer.transfer({
        source: { accountId: from.accountId },
        destination: { accountId: to.accountId },
        amount,
      });
    });
    const done = (await Promise.all(payments)).filter(({ transfer }) => transfer.status === 'COMPLETED').length;
    report.claim(
      `${TRANSFERS} payments, both ways at once, are all completed`,
      done === TRANSFERS,
      `${(performance.now() - began).toFixed(0)} ms together`,
    );
    await Promise.all(
      sides.map((side, index) => checkFollowing(report, side, before[index]!.version, followings[index]!)),
    );
  } finally {
    await Promise.all(followings.map((following) => following.leave()));
  }
}

async function checkFollowing(
  report: Report,
  { customer, accountId }: Side,
  firstVersion: number,
  following: ReturnType<Customer['follow']>,
): Promise<void> {
  const last = firstVersion + TRANSFERS;
  // What came is what FOLLOW asks for.
  const events = (await following.until(`${customer.displayName}'s last balance`, (all) =>
    (all as BalanceEvent[]).some(({ balanceUpdated }) => balanceUpdated.balance.version >= last),
  )) as BalanceEvent[];
  const versions = events.map(({ balanceUpdated }) => balanceUpdated.balance.version);
  const contiguous = versions.every((version, index) => version === firstVersion + index);
  report.claim(
    `${customer.displayName} saw every change once, in order`,
    contiguous && versions.length === TRANSFERS + 1,
    `versions ${versions[0]} to ${versions.at(-1)}`,
  );
  const live = events.at(-1)!.balanceUpdated.balance;
  const booked = await customer.balance(accountId);
  report.claim(
    `${customer.displayName}'s live balance is the booked one`,
    live.posted.amount === booked.amount && live.version === booked.version,
    `${booked.amount} ${booked.currency}`,
  );
}
