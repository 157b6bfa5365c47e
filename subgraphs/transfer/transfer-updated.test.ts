import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SubgraphEvent } from '../../platform/subgraph.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../tests/transfer-world.ts';

const FOLLOW =
  'subscription ($id: ID!) { transferUpdated(transferId: $id) { id status timeline { status } source { label account { id } } } }';
const CREATE = 'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }';

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let transferId: string;

beforeAll(async () => {
  world = await openTransferWorld();
  [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  const input = {
    idempotencyKey: 'key',
    source: { accountId: await world.account(ada, 'USD', { funds: '10.00' }) },
    destination: { accountId: await world.account(bob) },
    amount: { amount: '1', currency: 'USD' },
  };
  const result = await world.execute(ada, CREATE, { input });
  transferId = (result.data!['createTransfer'] as { transfer: { id: string } }).transfer.id;
});
afterAll(() => world.close());

/** Steps after COMPLETED, more than there ever are: the row and an event in one transaction, past the trigger that keeps the lifecycle. */
async function step(...statuses: string[]): Promise<void> {
  const steps = statuses.map((status) => ({ status, at: '2026-01-01T00:00:00.000Z' }));
  const client = await world.admin.connect();
  await client.query('BEGIN; SET LOCAL session_replication_role = replica');
  await client.query(
    `WITH stepped AS (
       UPDATE transfer.transfer SET status = coalesce($2, status), timeline = timeline || $3::jsonb WHERE id = $1 RETURNING id)
     SELECT platform.append_events(ARRAY['TransferCompleted'], ARRAY[id::text], ARRAY[jsonb_build_object(
       'transferId', id, 'senderId', id, 'recipientId', id, 'sourceAccountId', id, 'destinationAccountId', id)]) FROM stepped`,
    [transferId, statuses.at(-1) ?? null, JSON.stringify(steps)],
  );
  await client.query('COMMIT');
  client.release();
  world.wake();
}

const follow = (as: Customer | null, id = transferId) => world.subscribe(as, FOLLOW, { id });

async function read(stream: AsyncIterableIterator<SubgraphEvent>): Promise<SubgraphEvent> {
  const result = await stream.next();
  if (result.done) throw new Error('the stream has ended');
  return result.value;
}

async function next(stream: AsyncIterableIterator<SubgraphEvent>) {
  const value = await read(stream);
  const data = value.result.data as { transferUpdated: { status: string; timeline: unknown[] } } | undefined;
  return { status: data?.transferUpdated.status, position: value.position, errors: value.result.errors, data };
}

describe('transferUpdated', () => {
  test('gives the transfer as it is, then every step once, to both ends', async () => {
    const streams = [follow(ada), follow(bob)];
    for (const stream of streams) expect(await next(stream)).toMatchObject({ status: 'COMPLETED', position: 2 });
    // An event without a step shows nothing.
    await step();
    await step('COMPENSATING');
    for (const stream of streams) expect(await next(stream)).toMatchObject({ status: 'COMPENSATING', position: 3 });
    await step('REVERSED');
    for (const stream of streams) expect(await next(stream)).toMatchObject({ status: 'REVERSED', position: 4 });
    for (const stream of streams) await stream.return!();
  });

  test('shows of the other side only the label', async () => {
    const stream = follow(bob);
    expect((await next(stream)).data).toMatchObject({ transferUpdated: { source: { label: 'Ada', account: null } } });
    await stream.return!();
  });

  test('ends at once when its reader leaves, also while nothing happens', async () => {
    const stream = follow(ada);
    await next(stream);
    const waiting = stream.next();
    await stream.return!();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });

  test('gives every step by itself when several happened at once', async () => {
    const stream = follow(ada);
    const { position } = await next(stream);
    await step('COMPENSATING', 'COMPENSATED', 'REVERSED');
    for (const [index, status] of ['COMPENSATING', 'COMPENSATED', 'REVERSED'].entries()) {
      const event = await next(stream);
      expect(event).toMatchObject({ status, position: position! + index + 1 });
      expect(event.data?.transferUpdated.timeline).toHaveLength(event.position!);
    }
    await stream.return!();
  });

  test('tells a reader who is too far behind so, and ends', async () => {
    const stream = follow(ada);
    const { position } = await next(stream);
    await step(...Array<string>(40).fill('COMPENSATING'));
    const rest: SubgraphEvent[] = [];
    for await (const event of stream) rest.push(event);
    // What had been taken for the reader comes, and then the end.
    expect(rest.slice(0, -1).map((event) => event.position)).toEqual(
      Array.from({ length: rest.length - 1 }, (_, index) => position! + index + 1),
    );
    expect(rest.length).toBeLessThan(40);
    expect(rest.at(-1)!.result.errors).toMatchObject([{ extensions: { code: 'SLOW_CONSUMER' } }]);
  });

  test('ends with an error when the transfer cannot be read any more', async () => {
    const stream = follow(ada);
    await next(stream);
    await world.admin.query('REVOKE SELECT ON transfer.transfer FROM dwaybank_transfer');
    await step('REVERSED');
    const failed = await read(stream);
    await world.admin.query('GRANT SELECT ON transfer.transfer TO dwaybank_transfer');
    expect(failed.result.errors).toMatchObject([{ extensions: { code: 'INTERNAL' } }]);
    expect(JSON.stringify(failed.result)).not.toContain('permission');
    expect(await stream.next()).toEqual({ value: undefined, done: true });
  });

  test('is refused to others as what does not exist', async () => {
    const eve = await world.customer('Eve');
    const answers = [];
    for (const [who, id] of [
      [eve, transferId],
      [eve, eve.userId],
      [eve, 'no id'],
    ] as const) {
      const stream = follow(who, id);
      answers.push(await read(stream));
      expect(await stream.next()).toEqual({ value: undefined, done: true });
    }
    expect(answers[0]!.result).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    expect(JSON.stringify(answers[1])).toBe(JSON.stringify(answers[0]));
    expect(JSON.stringify(answers[2])).toBe(JSON.stringify(answers[0]));
    const nobody = await read(follow(null));
    expect(nobody.result).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });
});
