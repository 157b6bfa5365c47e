import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openPayoutScene, REVIEW, SPENDING, type PayoutScene } from '../../../tests/payout-scene.ts';
import { proveTransfers } from '../check.ts';
import { applyProviderNotice } from './apply-provider-notice.ts';

let scene: PayoutScene;
/** By what they are now. */
let ids: { paid: string; returned: string; held: string; failed: string };

beforeAll(async () => {
  scene = await openPayoutScene();
  await scene.begin();
  const paid = await scene.started();
  const returned = await scene.started();
  for (const { id } of [paid, returned]) await scene.reaches(id, 'COMPLETED');
  const said = { outcome: 'RETURNED', reference: 'r', code: 'AC04', message: 'Closed.' } as const;
  await applyProviderNotice(scene.deps, returned.id, { provider: 'bankrail', payout: said });
  scene.payouts.names = ['bankrail'];
  scene.payouts.providers.bankrail.sends.push(async () => ({
    outcome: 'DECLINED',
    reference: null,
    code: 'no',
    message: 'No.',
  }));
  const failed = await scene.started();
  await scene.reaches(failed.id, 'FAILED');
  scene.world.risk.answer = async () => ({ ...REVIEW, spending: SPENDING });
  const held = await scene.started();
  ids = { paid: paid.id, returned: returned.id, held: held.id, failed: failed.id };
});
afterAll(() => scene.close());

describe('what was tampered with is found out:', () => {
  test.each<[string, keyof typeof ids, string, string]>([
    [
      'a hold that was let go',
      'held',
      `UPDATE ledger.hold SET status = 'RELEASED', released = amount, ended_at = now() WHERE transfer_id = '$ID'`,
      'unfinished transfer does not hold what it moves',
    ],
    [
      'a hold of less than the fees',
      'held',
      `UPDATE ledger.hold SET amount = amount - 1 WHERE transfer_id = '$ID'`,
      'unfinished transfer does not hold what it moves',
    ],
    [
      'a hold that outlives its transfer',
      'failed',
      `UPDATE ledger.hold SET status = 'OPEN', released = 0, ended_at = NULL WHERE transfer_id = '$ID'`,
      'transfer that has ended holds money',
    ],
    [
      'a provider that was never paid for',
      'paid',
      `UPDATE transfer.provider_attempt SET outcome = 'DECLINED' WHERE transfer_id = '$ID'`,
      'transfer and its attempts do not agree',
    ],
    [
      'another provider than was paid',
      'paid',
      `UPDATE transfer.provider_attempt SET provider = 'stripe' WHERE transfer_id = '$ID'`,
      'transfer moved another amount',
    ],
    [
      'an attempt that is open for ever',
      'failed',
      `UPDATE transfer.provider_attempt SET outcome = NULL, ended_at = NULL WHERE transfer_id = '$ID'`,
      'transfer and its attempts do not agree',
    ],
    [
      'fees that were not taken',
      'paid',
      `UPDATE transfer.transfer SET fees = 0, fee_lines = '[]' WHERE id = '$ID'`,
      'transfer moved another amount',
    ],
    [
      'money that came back to nobody',
      'returned',
      `DELETE FROM ledger.entry WHERE transfer_id = '$ID' AND kind = 'REVERSAL'`,
      'payout that came back was not given back',
    ],
  ])('%s', async (_what, which, tampering, problem) => {
    const client = await scene.world.admin.connect();
    try {
      expect((await proveTransfers(client)).findings).toEqual([]);
      await client.query('BEGIN');
      await client.query('SET LOCAL session_replication_role = replica');
      expect((await client.query(tampering.replaceAll('$ID', ids[which]))).rowCount).toBe(1);
      expect((await proveTransfers(client)).findings.map((finding) => finding.problem)).toContain(problem);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });
});
