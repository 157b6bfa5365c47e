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

/** A step after COMPLETED, as taking back a transfer will write it: the row and an event in one transaction. */
async function step(status: string | null): Promise<void> {
  await world.admin.query(
    `WITH stepped AS (
       UPDATE transfer.transfer SET status = coalesce($2, status), timeline = timeline || CASE WHEN $2::text IS NULL THEN '[]'::jsonb
         ELSE jsonb_build_array(jsonb_build_object('status', $2, 'at', '2026-01-01T00:00:00.000Z')) END WHERE id = $1 RETURNING id)
     SELECT platform.append_events(ARRAY['TransferCompleted'], ARRAY[id::text], ARRAY[jsonb_build_object(
       'transferId', id, 'senderId', id, 'recipientId', id, 'sourceAccountId', id, 'destinationAccountId', id)]) FROM stepped`,
    [transferId, status],
  );
}

const follow = (as: Customer | null, id = transferId) => world.subscribe(as, FOLLOW, { id });

async function read(stream: AsyncIterableIterator<SubgraphEvent>): Promise<SubgraphEvent> {
  const result = await stream.next();
  if (result.done) throw new Error('the stream has ended');
  return result.value;
}

async function next(stream: AsyncIterableIterator<SubgraphEvent>) {
  const value = await read(stream);
  const data = value.result.data as { transferUpdated: { status: string } } | undefined;
  return { status: data?.transferUpdated.status, position: value.position, errors: value.result.errors, data };
}

describe('transferUpdated', () => {
  test('gives the transfer as it is, then every step once, to both ends', async () => {
    const streams = [follow(ada), follow(bob)];
    for (const stream of streams) expect(await next(stream)).toMatchObject({ status: 'COMPLETED', position: 2 });
    await step(null);
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
