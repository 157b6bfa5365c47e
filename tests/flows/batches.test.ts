import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_BODY_BYTES } from '../../gateway/graphql-http.ts';
import type { AccountId } from '../../platform/ids.ts';
import {
  createBatch,
  endedBatch,
  seeBatch,
  verdicts,
  type Ask,
  type SeenBatch,
  type SeenItem,
} from '../batch-world.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Batches as an app asks for them: through a gateway. Two banks stand on one database. */

let world: World;
let ada: Person;
let bob: Person;
let from: AccountId;
let to: AccountId;
let keys = 0;

beforeAll(async () => {
  world = await openWorld({ gateways: 2 });
  ada = await world.register('Ada');
  bob = await world.register('Bob');
  from = await world.openAccount(ada, 'USD', '9000.00');
  to = await world.openAccount(bob);
});

afterAll(() => world.close());

const as =
  (person: Person, gateway = 0): Ask =>
  (query, variables) =>
    world.ask(query, variables, { as: person, gateway });

const item = (itemKey: string, more: Record<string, unknown> = {}) => ({
  itemKey,
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount: '1.00', currency: 'USD' },
  ...more,
});

const items = (count: number, more: Record<string, unknown> = {}) =>
  Array.from({ length: count }, (_, n) => item(`item-${n}`, more));

const batchOf = (input: Record<string, unknown>) => ({ idempotencyKey: `batch-${++keys}`, mode: 'EACH', ...input });

/** Every item of a batch, page by page. */
async function allItems(ask: Ask, id: string): Promise<SeenItem[]> {
  const found: SeenItem[] = [];
  let after: string | null = null;
  do {
    const batch: SeenBatch | null = await seeBatch(ask, id, after);
    const { edges, pageInfo } = batch!.items;
    found.push(...edges.map(({ node }) => node));
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  return found;
}

describe('a batch of a thousand items', () => {
  test.each(['EACH', 'ALL_OR_NOTHING'])('goes in one request and does each item once (%s)', async (mode) => {
    const before = BigInt((await world.booked(from)).posted);
    const input = batchOf({ mode, items: items(1_000) });
    const { batch, userErrors } = await createBatch(as(ada), input);
    expect([userErrors, batch!.counts.total]).toEqual([[], 1_000]);
    const ended = await endedBatch(as(ada), batch!.id);
    expect(ended).toMatchObject({
      status: 'COMPLETED',
      counts: { total: 1_000, pending: 0, done: 1_000, refused: 0 },
    });
    const all = await allItems(as(ada, 1), batch!.id);
    expect(all.map(({ itemKey }) => itemKey)).toEqual(items(1_000).map(({ itemKey }) => itemKey));
    expect(new Set(all.map(({ transfer }) => transfer!.id)).size).toBe(1_000);
    expect(BigInt((await world.booked(from)).posted)).toBe(before - 100_000n);
  });

  test('fits into a request with the longest texts that an item may have', () => {
    const longest = {
      itemKey: 'x'.repeat(64),
      source: { accountId: from },
      destination: { email: `${'x'.repeat(64)}@${'x'.repeat(63)}.example.com` },
      amount: { amount: '9'.repeat(28) + '.99', currency: 'USD' },
      description: 'x'.repeat(140),
      preference: 'BALANCED',
    };
    const bytes = Buffer.byteLength(
      JSON.stringify({ query: 'x'.repeat(4_000), variables: { items: Array(1_000).fill(longest) } }),
    );
    expect(bytes).toBeLessThan(MAX_BODY_BYTES);
  });
});

describe('a batch', () => {
  test('that is asked for again is the same, with the progress of now', async () => {
    const input = batchOf({ items: items(3) });
    const { batch } = await createBatch(as(ada), input);
    await endedBatch(as(ada), batch!.id);
    // Said in other words, to another bank.
    const again = { ...input, items: items(3, { amount: { currency: 'USD', amount: '1' }, description: null }) };
    expect(await createBatch(as(ada, 1), again)).toMatchObject({
      replayed: true,
      batch: { id: batch!.id, status: 'COMPLETED', counts: { done: 3 } },
    });
    for (const other of [
      { ...input, items: items(2) },
      { ...input, mode: 'ALL_OR_NOTHING' },
      { ...input, items: items(3, { description: 'x' }) },
    ]) {
      expect(await createBatch(as(ada), other)).toMatchObject({
        batch: null,
        userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['idempotencyKey'] }],
      });
    }
  });

  test('that many ask for at once under one key is one', async () => {
    const before = BigInt((await world.booked(from)).posted);
    const input = batchOf({ items: items(5) });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => createBatch(as(ada, n % 2), input)));
    expect(new Set(answers.map(({ batch }) => batch!.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await endedBatch(as(ada), answers[0]!.batch!.id);
    expect(BigInt((await world.booked(from)).posted)).toBe(before - 500n);
  });

  test('of which every item is nonsense is taken, and asked for again is the same', async () => {
    const input = batchOf({ items: [item('a', { amount: { amount: 'x', currency: 'USD' } })] });
    const { batch } = await createBatch(as(ada), input);
    expect(verdicts(await endedBatch(as(ada), batch!.id))).toEqual(['a REFUSED INVALID_AMOUNT']);
    expect(await createBatch(as(ada), input)).toMatchObject({ replayed: true });
  });

  test.each([
    ['no items', () => [], 'BATCH_EMPTY', 'items'],
    ['one too many', () => items(1_001), 'BATCH_TOO_LARGE', 'items'],
    ['a key twice', () => [item('a'), item('b'), item('a')], 'DUPLICATE_ITEM_KEY', 'items.2.itemKey'],
    ['a key of nothing', () => [item('a'), item('')], 'INVALID_ITEM_KEY', 'items.1.itemKey'],
    ['a key that cannot be printed', () => [item('é')], 'INVALID_ITEM_KEY', 'items.0.itemKey'],
  ])('is refused with %s', async (_what, wrong, code, field) => {
    expect(await createBatch(as(ada), batchOf({ items: wrong() }))).toMatchObject({
      batch: null,
      userErrors: [{ code, field: field.split('.') }],
    });
  });

  test('is refused under a key that is none', async () => {
    expect(await createBatch(as(ada), batchOf({ idempotencyKey: '', items: items(1) }))).toMatchObject({
      userErrors: [{ code: 'INVALID_IDEMPOTENCY_KEY', field: ['idempotencyKey'] }],
    });
  });

  test('is refused while too many others are worked on', async () => {
    const carol = await world.register('Carol');
    const { batch } = await createBatch(as(carol), batchOf({ items: items(1) }));
    await endedBatch(as(carol), batch!.id);
    await world.admin.query(
      `INSERT INTO transfer.batch (id, user_id, idempotency_key, body_hash, key_seed, mode, status, total)
       SELECT gen_random_uuid(), $1, n::text, '', gen_random_uuid(), 'EACH', 'PROCESSING', 1 FROM generate_series(1, 10) AS n`,
      [carol.userId],
    );
    expect(await createBatch(as(carol), batchOf({ items: items(1) }))).toMatchObject({
      userErrors: [{ code: 'TOO_MANY_BATCHES', retryable: true }],
    });
  });

  test('of somebody else is not there, nor is their money', async () => {
    const { batch } = await createBatch(as(bob), batchOf({ items: items(1) }));
    expect(verdicts(await endedBatch(as(bob), batch!.id))).toEqual(['item-0 REFUSED ACCOUNT_NOT_FOUND']);
    expect(await seeBatch(as(ada), batch!.id)).toBeNull();
    expect(await seeBatch(as(ada), 'nonsense')).toBeNull();
  });

  test('is in the list of its owner, newest first', async () => {
    const { batch } = await createBatch(as(ada), batchOf({ items: items(1) }));
    const query = '{ me { batches(first: 2) { edges { node { id mode } } pageInfo { hasNextPage } } } }';
    const { me } = await world.ask<{ me: { batches: { edges: { node: { id: string } }[] } } }>(query, {}, { as: ada });
    expect(me.batches.edges[0]!.node.id).toBe(batch!.id);
    expect(me.batches).toMatchObject({ pageInfo: { hasNextPage: true } });
    await endedBatch(as(ada), batch!.id);
  });
});
