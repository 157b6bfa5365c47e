import { DateTime } from 'luxon';
import type pg from 'pg';
import type { UserError } from '../platform/refusal.ts';
import type { Customer, TransferWorld } from './transfer-world.ts';
import { until } from './until.ts';

/*
 * How tests ask for standing orders and make time pass for them. The database's clock cannot be moved, so what an order waits for is moved
 * towards it. `admin` connects as the administrator.
 */

/** A standing order as the tests look at it. */
export interface SeenOrder {
  id: string;
  status: string;
  nextRunAt: string | null;
  amount: { amount: string };
  occurrences: { edges: { node: SeenOccurrence }[] };
}

export interface SeenOccurrence {
  number: number;
  status: string;
  code: string | null;
  transfer: { id: string; status: string } | null;
  nextAttemptAt: string | null;
}

export interface OrderAnswer {
  standingOrder: SeenOrder | null;
  replayed: boolean;
  userErrors: Pick<UserError, 'code' | 'field'>[];
}

export const ORDER = `id status nextRunAt amount { amount }
  occurrences(first: 100) { edges { node { number status code nextAttemptAt transfer { id status } } } }`;
const PAYLOAD = `{ standingOrder { ${ORDER} } replayed userErrors { code field } }`;

/** The mutation of a name whose one argument is an input of a type. */
export const byInput = (mutation: string, type: string) =>
  `mutation ($input: ${type}!) { ${mutation}(input: $input) ${PAYLOAD} }`;
/** The mutation of a name whose one argument is an id. */
export const byId = (mutation: string) => `mutation ($id: ID!) { ${mutation}(id: $id) ${PAYLOAD} }`;

/** A day so many days from now, in UTC. */
export const dayFromNow = (days: number) => DateTime.utc().plus({ days }).toFormat('yyyy-MM-dd');

/** What an order waits for is due now. */
export async function makeDue(admin: pg.Pool, orderId: string): Promise<void> {
  await admin.query('UPDATE transfer.standing_order SET next_due_at = clock_timestamp() WHERE id = $1', [orderId]);
}

/** So many days pass for an order. */
export async function passDays(admin: pg.Pool, orderId: string, days: number): Promise<void> {
  await admin.query(
    `UPDATE transfer.standing_order SET first_on = first_on - $2::int, ends_on = ends_on - $2::int,
       next_due_at = next_due_at - make_interval(days => $2) WHERE id = $1`,
    [orderId, days],
  );
}

/** What waits for its next attempt may begin it now. */
export async function passRetryPause(admin: pg.Pool, orderId: string): Promise<void> {
  await admin.query(
    `UPDATE transfer.standing_order_occurrence SET run_after = clock_timestamp(), look_at = clock_timestamp()
     WHERE standing_order_id = $1 AND status = 'DUE'`,
    [orderId],
  );
}

/** What is wrong at the same moment in the books of orders: none of these may ever be. */
export async function expectOccurrencesOnce(admin: pg.Pool): Promise<void> {
  const { rows } = await admin.query(
    `SELECT transfer_id FROM transfer.standing_order_occurrence WHERE transfer_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1`,
  );
  if (rows.length > 0) throw new Error(`one transfer stands for several occurrences: ${JSON.stringify(rows)}`);
}

/** Standing orders in a world. */
export function scheduling(world: () => TransferWorld) {
  let keys = 0;
  const mutate = async (
    as: Customer,
    query: string,
    variables: Record<string, unknown>,
    deviceId?: string,
  ): Promise<OrderAnswer> => {
    const { data, errors } = await world().execute(as, query, variables, deviceId);
    if (errors) throw new Error(JSON.stringify(errors));
    // The tests know the shape of what they ask for.
    return Object.values(data!)[0] as OrderAnswer;
  };
  const orders = {
    /** Tomorrow's daily order unless said otherwise. */
    create: (as: Customer, input: Record<string, unknown>) =>
      mutate(as, byInput('createStandingOrder', 'CreateStandingOrderInput'), {
        input: { idempotencyKey: `order-${++keys}`, frequency: 'DAILY', firstOn: dayFromNow(1), ...input },
      }),
    schedule: (as: Customer, input: Record<string, unknown>) =>
      mutate(as, byInput('scheduleTransfer', 'ScheduleTransferInput'), {
        input: { idempotencyKey: `order-${++keys}`, on: dayFromNow(1), ...input },
      }),
    update: (as: Customer, input: Record<string, unknown>, deviceId?: string) =>
      mutate(as, byInput('updateStandingOrder', 'UpdateStandingOrderInput'), { input }, deviceId),
    pause: (as: Customer, id: string) => mutate(as, byId('pauseStandingOrder'), { id }),
    resume: (as: Customer, id: string, deviceId?: string) => mutate(as, byId('resumeStandingOrder'), { id }, deviceId),
    cancel: (as: Customer, id: string) => mutate(as, byId('cancelStandingOrder'), { id }),
    async see(as: Customer | null, id: string): Promise<SeenOrder | null> {
      const { data, errors } = await world().execute(as, `query ($id: ID!) { standingOrder(id: $id) { ${ORDER} } }`, {
        id,
      });
      if (errors) throw new Error(JSON.stringify(errors));
      return data!['standingOrder'] as SeenOrder | null;
    },
    /** The occurrences, oldest first, once none is DUE unless it waits for its next attempt. */
    async settled(as: Customer, id: string, count: number): Promise<SeenOccurrence[]> {
      const found = await until(`${count} occurrences of ${id} are settled`, async () => {
        const seen = (await orders.see(as, id))!.occurrences.edges.map(({ node }) => node).reverse();
        const isSettled = seen.every(({ status, nextAttemptAt }) => status !== 'DUE' || later(nextAttemptAt));
        return seen.length === count && isSettled ? seen : null;
      });
      return found!;
    },
  };
  return orders;
}

function later(moment: string | null): boolean {
  return moment !== null && Date.parse(moment) > Date.now() + 60_000;
}
