import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import {
  dayFromNow,
  expectOccurrencesOnce,
  makeDue,
  passDays,
  passRetryPause,
  scheduling,
} from '../../../tests/schedule-world.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { blocked, hold } from '../../../tests/deposit-jobs.ts';
import { until } from '../../../tests/until.ts';

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let from: AccountId;
let to: AccountId;
const orders = scheduling(() => world);

beforeAll(async () => {
  world = await openTransferWorld();
  ada = await world.customer('Ada');
  bob = await world.customer('Bob');
  to = await world.account(bob);
});

beforeEach(async () => {
  world.risk.answer = async () => ALLOW;
  from = await world.account(ada, 'USD', { funds: '100.00' });
});

afterEach(async () => {
  await expectOccurrencesOnce(world.admin);
  await world.proveBooks();
});
afterAll(() => world.close());

const rent = (amount = '10.00') => ({
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount, currency: 'USD' },
  description: 'Rent',
});

async function order(input: Record<string, unknown> = {}): Promise<string> {
  const { standingOrder, userErrors } = await orders.create(ada, { ...rent(), ...input });
  expect(userErrors).toEqual([]);
  return standingOrder!.id;
}

/** The next occurrence is due, and what becomes of it and all before it. */
async function run(id: string, count: number): Promise<string[]> {
  await makeDue(world.admin, id);
  return verdicts(id, count);
}

async function verdicts(id: string, count: number): Promise<string[]> {
  const seen = await orders.settled(ada, id, count);
  return seen.map(({ number, status, code }) => [number, status, code].filter((part) => part !== null).join(' '));
}

describe('an occurrence', () => {
  test('that is due makes its transfer, once each', async () => {
    const id = await order();
    expect(await run(id, 1)).toEqual(['1 DONE']);
    expect(await run(id, 2)).toEqual(['1 DONE', '2 DONE']);
    expect(await world.balance(from)).toBe(8000n);
    const { rows } = await world.admin.query('SELECT description FROM transfer.transfer WHERE source_account_id = $1', [
      from,
    ]);
    expect(rows).toEqual([{ description: 'Rent' }, { description: 'Rent' }]);
  });

  test('asks risk as for every transfer: from where it was ordered until one is made, then from nowhere that is known', async () => {
    const before = world.risk.asked.length;
    world.risk.answer = async () => ({ ...ALLOW, decision: 'STEP_UP' });
    const id = await order();
    expect(await run(id, 1)).toEqual(['1 FAILED STEP_UP_REQUIRED']);
    world.risk.answer = async () => ALLOW;
    expect(await run(id, 2)).toEqual(['1 FAILED STEP_UP_REQUIRED', '2 DONE']);
    expect((await run(id, 3)).at(-1)).toBe('3 DONE');
    const asked = { customerId: ada.userId, sourceAccountId: from };
    const ordered = { ...asked, origin: { ip: '192.0.2.1', deviceId: 'device-1' } };
    expect(world.risk.asked.slice(before)).toMatchObject([
      ordered,
      ordered,
      { ...asked, origin: { ip: null, deviceId: null } },
    ]);
  });

  test('that needs a second factor has failed, and the next one is made', async () => {
    world.risk.answer = async () => ({ ...ALLOW, decision: 'STEP_UP' });
    const id = await order();
    expect(await run(id, 1)).toEqual(['1 FAILED STEP_UP_REQUIRED']);
    world.risk.answer = async () => ALLOW;
    expect(await run(id, 2)).toEqual(['1 FAILED STEP_UP_REQUIRED', '2 DONE']);
  });

  test('from an account that is frozen has failed, and goes on when it no longer is', async () => {
    const id = await order();
    await world.setStatus(from, 'FROZEN');
    expect(await run(id, 1)).toEqual(['1 FAILED ACCOUNT_FROZEN']);
    await world.setStatus(from, 'ACTIVE');
    expect(await run(id, 2)).toEqual(['1 FAILED ACCOUNT_FROZEN', '2 DONE']);
  });

  test('to somebody who can no longer receive it has failed with that', async () => {
    const gone = await world.customer('Gone');
    const account = await world.account(gone);
    const id = await order({ destination: { email: gone.email } });
    await world.setStatus(account, 'CLOSED');
    expect(await run(id, 1)).toEqual(['1 FAILED UNKNOWN_RECIPIENT']);
  });

  test.each(['pause', 'cancel'] as const)('that has begun is carried through a %s', async (change) => {
    const id = await order();
    const account = await hold(world.admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from]);
    try {
      await makeDue(world.admin, id);
      await blocked(world.admin, 'create_transfers');
      expect((await orders[change](ada, id)).standingOrder).toMatchObject({ nextRunAt: null });
    } finally {
      await account.letGo();
    }
    expect(await verdicts(id, 1)).toEqual(['1 DONE']);
  });

  test.each([
    ['pause', 'PAUSED'],
    ['cancel', 'CANCELLED'],
  ] as const)('that waits for its next attempt is given up by a %s', async (change, code) => {
    const id = await order({ ...rent('150.00'), onInsufficientFunds: 'RETRY' });
    expect(await run(id, 1)).toEqual(['1 DUE INSUFFICIENT_FUNDS']);
    await orders[change](ada, id);
    expect(await verdicts(id, 1)).toEqual([`1 SKIPPED ${code}`]);
  });

  test('that could not be checked is tried again until it is', async () => {
    let asked = 0;
    world.risk.answer = async () => {
      if (++asked === 1) throw new Error('risk is away');
      return ALLOW;
    };
    const id = await order();
    await makeDue(world.admin, id);
    expect(await verdicts(id, 1)).toEqual(['1 DONE']);
    expect(asked).toBe(2);
  });

  test('that could not be checked for a day has failed', async () => {
    world.risk.answer = async () => Promise.reject(new Error('risk is away'));
    const id = await order();
    await makeDue(world.admin, id);
    await until('an attempt has begun', async () => {
      const { rowCount } = await world.admin.query(
        `UPDATE transfer.standing_order_occurrence SET begun_at = begun_at - interval '25 hours'
         WHERE standing_order_id = $1 AND begun_at IS NOT NULL`,
        [id],
      );
      return rowCount === 1;
    });
    expect(await verdicts(id, 1)).toEqual(['1 FAILED RISK_UNAVAILABLE']);
  });
});

describe('an occurrence without enough money', () => {
  test('is skipped, and the next one is made when there is enough', async () => {
    const id = await order(rent('150.00'));
    expect(await run(id, 1)).toEqual(['1 SKIPPED INSUFFICIENT_FUNDS']);
    await world.fund(from, '50.00');
    expect(await run(id, 2)).toEqual(['1 SKIPPED INSUFFICIENT_FUNDS', '2 DONE']);
    expect(await world.balance(from)).toBe(0n);
  });

  test('with RETRY waits six hours, and is made then', async () => {
    const id = await order({ ...rent('150.00'), onInsufficientFunds: 'RETRY' });
    expect(await run(id, 1)).toEqual(['1 DUE INSUFFICIENT_FUNDS']);
    const { nextAttemptAt } = (await orders.settled(ada, id, 1))[0]!;
    expect(Math.abs(Date.parse(nextAttemptAt!) - Date.now() - 6 * 3_600_000)).toBeLessThan(60_000);
    await world.fund(from, '50.00');
    await passRetryPause(world.admin, id);
    expect(await verdicts(id, 1)).toEqual(['1 DONE']);
    expect(await world.balance(from)).toBe(0n);
  });

  test('with RETRY has failed after four more attempts', async () => {
    const id = await order({ ...rent('150.00'), onInsufficientFunds: 'RETRY', frequency: 'MONTHLY' });
    expect(await run(id, 1)).toEqual(['1 DUE INSUFFICIENT_FUNDS']);
    const attempts = world.risk.asked.length;
    for (let retry = 1; retry <= 3; retry++) {
      await passRetryPause(world.admin, id);
      expect(await verdicts(id, 1)).toEqual(['1 DUE INSUFFICIENT_FUNDS']);
    }
    await passRetryPause(world.admin, id);
    expect(await verdicts(id, 1)).toEqual(['1 FAILED INSUFFICIENT_FUNDS']);
    expect(world.risk.asked.length - attempts).toBe(4);
  });

  test('with RETRY has failed when the next one is due before the next attempt', async () => {
    const id = await order({ ...rent('150.00'), onInsufficientFunds: 'RETRY' });
    const soon = new Date(Date.now() + 3 * 3_600_000).toISOString();
    await world.admin.query(
      `UPDATE transfer.standing_order SET first_on = $2::date - 1, time_of_day = $3, next_due_at = now() WHERE id = $1`,
      [id, soon.slice(0, 10), soon.slice(11, 16)],
    );
    expect(await verdicts(id, 1)).toEqual(['1 FAILED INSUFFICIENT_FUNDS']);
  });

  test('that does not begin its next attempt too early, whoever runs its job', async () => {
    const id = await order({ ...rent('150.00'), onInsufficientFunds: 'RETRY' });
    expect(await run(id, 1)).toEqual(['1 DUE INSUFFICIENT_FUNDS']);
    await world.fund(from, '50.00');
    await world.admin.query(
      'UPDATE transfer.standing_order_occurrence SET look_at = now() WHERE standing_order_id = $1',
      [id],
    );
    await until('it was looked at', async () => {
      const { rowCount } = await world.admin.query(
        'SELECT FROM transfer.standing_order_occurrence WHERE standing_order_id = $1 AND look_at > now()',
        [id],
      );
      return rowCount === 1;
    });
    await until('the job is done', async () => {
      const { rowCount } = await world.admin.query('SELECT FROM transfer_jobs.jobs WHERE key LIKE $1', [
        `occurrence:${id}%`,
      ]);
      return rowCount === 0;
    });
    expect(await verdicts(id, 1)).toEqual(['1 DUE INSUFFICIENT_FUNDS']);
  });
});

describe('a bank that was away', () => {
  test('makes the newest of what it missed, and tells the others', async () => {
    const id = await order({ firstOn: dayFromNow(1), timeOfDay: '00:00' });
    await passDays(world.admin, id, 4);
    const missed = ['1 SKIPPED MISSED', '2 SKIPPED MISSED', '3 SKIPPED MISSED'];
    expect(await verdicts(id, 4)).toEqual([...missed, '4 DONE']);
    expect(await world.balance(from)).toBe(9000n);
  });

  test('for longer than the order runs makes its last occurrence, and it has ended', async () => {
    const id = await order({ firstOn: dayFromNow(1), endsOn: dayFromNow(3) });
    await passDays(world.admin, id, 30);
    expect(await verdicts(id, 3)).toEqual(['1 SKIPPED MISSED', '2 SKIPPED MISSED', '3 DONE']);
    expect(await orders.see(ada, id)).toMatchObject({ status: 'ENDED', nextRunAt: null });
  });

  test('that died after an occurrence was claimed makes it, though its job is lost', async () => {
    const id = await order();
    await claimWithoutJob(id, { begun: false });
    expect(await verdicts(id, 1)).toEqual(['1 DONE']);
  });

  test('that died within an attempt carries it through with the amount that it began with', async () => {
    const id = await order();
    await claimWithoutJob(id, { begun: true });
    await orders.update(ada, { id, amount: { amount: '99.00', currency: 'USD' } });
    expect(await verdicts(id, 1)).toEqual(['1 DONE']);
    expect(await world.balance(from)).toBe(9000n);
  });

  test('that died after the transfer was made finds that transfer', async () => {
    const id = await order();
    expect(await run(id, 1)).toEqual(['1 DONE']);
    const { transfer } = (await orders.settled(ada, id, 1))[0]!;
    await world.admin.query(
      `UPDATE transfer.standing_order_occurrence
       SET status = 'DUE', transfer_id = NULL, ended_at = NULL, look_at = now() WHERE standing_order_id = $1`,
      [id],
    );
    expect(await verdicts(id, 1)).toEqual(['1 DONE']);
    expect(await orders.settled(ada, id, 1)).toMatchObject([{ transfer: { id: transfer!.id } }]);
    expect(await world.balance(from)).toBe(9000n);
  });

  /** An occurrence as a process leaves it that dies; nobody has a job for it. */
  async function claimWithoutJob(id: string, { begun }: { begun: boolean }): Promise<void> {
    await world.admin.query(
      `INSERT INTO transfer.standing_order_occurrence (standing_order_id, number, due_at, status, run_after, look_at, begun_at, amount)
       SELECT id, 1, now(), 'DUE', now(), now() + interval '3 seconds', CASE WHEN $2 THEN now() END, CASE WHEN $2 THEN amount END
       FROM transfer.standing_order WHERE id = $1`,
      [id, begun],
    );
    await world.admin.query('UPDATE transfer.standing_order SET next_number = 2 WHERE id = $1', [id]);
  }
});
