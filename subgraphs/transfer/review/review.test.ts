import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Role } from '../../../platform/viewer.ts';
import { payoutJobGone } from '../../../tests/payout-jobs.ts';
import { openPayoutScene, REVIEW, SPENDING, steps, type PayoutScene } from '../../../tests/payout-scene.ts';
import type { Customer } from '../../../tests/transfer-world.ts';

let scene: PayoutScene;
let compliance: Customer;

beforeAll(async () => {
  scene = await openPayoutScene();
  compliance = await staff('Grace', 'COMPLIANCE');
});
beforeEach(async () => {
  await scene.begin();
  scene.world.risk.answer = async () => ({ ...REVIEW, spending: SPENDING });
});
afterAll(() => scene.close());

async function staff(name: string, role: Role): Promise<Customer> {
  const person = await scene.world.customer(name);
  return { ...person, viewer: { ...person.viewer, roles: ['CUSTOMER', role] } };
}

const HELD = ['INITIATED', 'VALIDATING KYC_VERIFICATION', 'VALIDATING COMPLIANCE_CHECK', 'HELD_FOR_REVIEW'];
const WAITING = `query ($after: String) { transfersInReview(first: 1, after: $after) {
  edges { cursor node { transfer { id status } heldAt expiresAt } } pageInfo { hasNextPage } } }`;
const RELEASE = `mutation ($id: ID!) { decided: releaseTransfer(id: $id) { transfer { status } userErrors { code field } } }`;
const REFUSE = `mutation ($id: ID!, $reason: String!) {
  decided: refuseTransfer(id: $id, reason: $reason) { transfer { status failureCode } userErrors { code field } } }`;

interface Decided {
  transfer: { status: string; failureCode?: string } | null;
  userErrors: { code: string; field: string[] | null }[];
}

async function decide(query: string, variables: Record<string, unknown>, as = compliance): Promise<Decided> {
  const { data, errors } = await scene.world.execute(as, query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data!['decided'] as Decided;
}

const codes = ({ userErrors }: Decided) => userErrors.map(({ code }) => code);

/** To Bob, inside the bank. */
async function internal(): Promise<{ id: string; to: string }> {
  const to = await scene.world.account(scene.bob, 'EUR');
  const { id } = await scene.started({ destination: { accountId: to } });
  return { id, to };
}

describe('a transfer that a person must look at', () => {
  test('is held for seven days and moves nothing; when it is released INTERNAL is posted at once', async () => {
    const { id, to } = await internal();
    const held = await scene.read(id);
    expect(held).toMatchObject({ type: 'INTERNAL', status: 'HELD_FOR_REVIEW' });
    expect(steps(held!)).toEqual(HELD);
    expect(await scene.balance()).toEqual({ posted: 100_000n, held: 10_000n });
    const { rows } = await scene.world.admin.query(
      `SELECT expires_at - placed_at = interval '7 days' AS lasts FROM ledger.hold WHERE transfer_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ lasts: true }]);
    expect(await decide(RELEASE, { id })).toEqual({ transfer: { status: 'COMPLETED' }, userErrors: [] });
    expect(await scene.balance()).toEqual({ posted: 90_000n, held: 0n });
    expect(await scene.world.balance(to as never)).toBe(10_000n);
    expect(steps((await scene.read(id))!)).toEqual([...HELD, 'COMPLETED']);
    expect((await scene.eventsOf(id)).at(-1)).toBe('TransferCompleted');
    expect(codes(await decide(RELEASE, { id }))).toEqual(['NOT_IN_REVIEW']);
    expect(await scene.entriesOf(id)).toBe(1);
    await scene.world.proveBooks();
  });

  test('goes on as a payout when it is released', async () => {
    const { id } = await scene.started();
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
    expect(await decide(RELEASE, { id })).toMatchObject({ userErrors: [] });
    const done = await scene.reaches(id, 'COMPLETED');
    expect(steps(done)).toEqual([...HELD, 'BALANCE_RESERVED', 'SENT_TO_PROVIDER', 'COMPLETED']);
    await payoutJobGone(scene.world.admin, id);
  });

  test('has FAILED with NOT_PROCESSED when it is refused, and the customer reads nothing of why', async () => {
    const { id } = await scene.started();
    expect(codes(await decide(REFUSE, { id, reason: '  ' }))).toEqual(['INVALID_REASON']);
    const refused = await decide(REFUSE, { id, reason: 'Sanctions hit on the payee' });
    expect(refused).toEqual({ transfer: { status: 'FAILED', failureCode: 'NOT_PROCESSED' }, userErrors: [] });
    expect(await scene.balance()).toEqual({ posted: 100_000n, held: 0n });
    expect(JSON.stringify(await scene.read(id))).not.toContain('Sanctions');
    const { rows } = await scene.world.admin.query(
      'SELECT actor, action, note FROM transfer.intervention WHERE subject = $1',
      [id],
    );
    expect(rows).toEqual([{ actor: compliance.userId, action: 'REVIEW_REFUSED', note: 'Sanctions hit on the payee' }]);
    expect(codes(await decide(RELEASE, { id }))).toEqual(['NOT_IN_REVIEW']);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
  });

  test('is decided once by two who decide at the same moment', async () => {
    const { id } = await internal();
    const decisions = await Promise.all([
      decide(RELEASE, { id }),
      decide(REFUSE, { id, reason: 'No' }),
      decide(RELEASE, { id }),
    ]);
    expect(decisions.filter(({ transfer }) => transfer)).toHaveLength(1);
    expect(decisions.flatMap(codes)).toEqual(['NOT_IN_REVIEW', 'NOT_IN_REVIEW']);
    await scene.world.proveBooks();
  });

  test('is EXPIRED when nobody decides, and can be cancelled by its customer before', async () => {
    const { id } = await scene.started();
    await scene.world.admin.query(
      `UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE transfer_id = $1`,
      [id],
    );
    await scene.reaches(id, 'EXPIRED');
    const other = await scene.started();
    expect(await scene.cancel(other.id)).toEqual([]);
    expect((await scene.read(other.id))!.status).toBe('CANCELLED');
    expect(await scene.balance()).toEqual({ posted: 100_000n, held: 0n });
    expect(codes(await decide(RELEASE, { id: other.id }))).toEqual(['NOT_IN_REVIEW']);
  });

  test('cannot be released onto an account that takes nothing; it waits on', async () => {
    const { id, to } = await internal();
    await scene.world.setStatus(to as never, 'FROZEN');
    expect(codes(await decide(RELEASE, { id }))).toEqual(['ACCOUNT_FROZEN']);
    expect((await scene.read(id))!.status).toBe('HELD_FOR_REVIEW');
    await scene.world.setStatus(to as never, 'ACTIVE');
    expect(codes(await decide(RELEASE, { id }))).toEqual([]);
  });

  test.each(['INTERNAL', 'WITHDRAWAL'])(
    'cannot be released from an account that was frozen meanwhile (%s)',
    async (type) => {
      const { id } = type === 'INTERNAL' ? await internal() : await scene.started();
      const before = await scene.balance();
      await scene.world.setStatus(scene.account, 'FROZEN');
      expect(codes(await decide(RELEASE, { id }))).toEqual(['ACCOUNT_FROZEN']);
      expect((await scene.read(id))!.status).toBe('HELD_FOR_REVIEW');
      expect(await scene.balance()).toEqual(before);
      expect(await scene.entriesOf(id)).toBe(0);
      await scene.world.setStatus(scene.account, 'ACTIVE');
      expect(codes(await decide(RELEASE, { id }))).toEqual([]);
      await scene.reaches(id, 'COMPLETED');
      await scene.world.proveBooks();
    },
  );

  test('is never decided by whose money it is, or would be', async () => {
    const ada = { ...scene.ada, viewer: { ...scene.ada.viewer, roles: ['CUSTOMER', 'ADMIN'] as const } };
    const bob = { ...scene.bob, viewer: { ...scene.bob.viewer, roles: ['CUSTOMER', 'COMPLIANCE'] as const } };
    const { id } = await internal();
    expect(codes(await decide(RELEASE, { id }, ada))).toEqual(['OWN_TRANSFER']);
    expect(codes(await decide(RELEASE, { id }, bob))).toEqual(['OWN_TRANSFER']);
    expect(codes(await decide(REFUSE, { id, reason: 'No' }, ada))).toEqual(['OWN_TRANSFER']);
    expect(await scene.cancel(id)).toEqual([]);
  });

  test('is seen and decided by COMPLIANCE and ADMIN alone, the longest waiting first', async () => {
    const first = await scene.started();
    const second = await scene.started();
    const page = async (after: string | null, as: Customer) => {
      const { data, errors } = await scene.world.execute(as, WAITING, { after });
      return { found: data?.['transfersInReview'] as never, code: errors?.[0]?.extensions['code'] };
    };
    const admin = await staff('Root', 'ADMIN');
    const one = (await page(null, admin)).found as {
      edges: { cursor: string; node: { transfer: { id: string } } }[];
      pageInfo: { hasNextPage: boolean };
    };
    expect(one.edges.map(({ node }) => node.transfer.id)).toEqual([first.id]);
    expect(one.pageInfo.hasNextPage).toBe(true);
    const two = (await page(one.edges[0]!.cursor, compliance)).found as typeof one;
    expect(two).toMatchObject({ edges: [{ node: { transfer: { id: second.id } } }], pageInfo: { hasNextPage: false } });
    const support = await staff('Sam', 'SUPPORT');
    for (const as of [scene.ada, support]) {
      expect((await page(null, as)).code).toBe('FORBIDDEN');
      const { errors } = await scene.world.execute(as, RELEASE, { id: first.id });
      expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    }
    // Staff reads any transfer; another customer none.
    expect((await scene.read(first.id, support))!.status).toBe('HELD_FOR_REVIEW');
    expect(await scene.read(first.id, scene.bob)).toBeNull();
    for (const { id } of [first, second]) expect(await scene.cancel(id)).toEqual([]);
    expect(codes(await decide(RELEASE, { id: '01a1ff3e-0000-7000-8000-000000000000' }))).toEqual([
      'TRANSFER_NOT_FOUND',
    ]);
  });
});
