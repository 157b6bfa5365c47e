import type { CreateTransferAnswer, CreateTransferCall, CreateTransferDeps } from './call.ts';
import type { DepositCommand } from './domain.ts';
import { refuse } from './refusals.ts';

/** Starts a deposit. Called after the look-up of the key. */
export async function startDeposit(
  _deps: CreateTransferDeps,
  _call: CreateTransferCall,
  _command: DepositCommand,
  _bodyHash: Buffer,
): Promise<CreateTransferAnswer> {
  throw refuse('FEATURE_UNAVAILABLE', ['source', 'paymentMethodId']);
}
