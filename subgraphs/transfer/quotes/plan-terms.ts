import type { Money } from '../../../platform/money.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { isDeposit, isPayout, type TransferCommand } from '../domain.ts';
import { planPayout } from '../payouts/plan-payout.ts';
import { lookUpEnds, planEnds } from '../plan-ends.ts';
import { priceExchange } from '../price-exchange.ts';
import { findDepositEnds } from '../start-deposit.ts';
import { payoutTerms } from './payout-terms.ts';
import type { Terms } from './quote.ts';

/** Plans a command as createTransfer does, and refuses as it does, up to where risk would be asked: nothing moves or is stored. */
export async function planTerms(
  deps: CreateTransferDeps,
  call: Pick<CreateTransferCall, 'viewer' | 'origin' | 'signal'>,
  command: TransferCommand,
): Promise<Terms> {
  const { amount } = command;
  if (isDeposit(command)) {
    await findDepositEnds(deps, call, command);
    return inside('DEPOSIT', amount);
  }
  if (isPayout(command)) {
    const plan = await planPayout(deps, call, command);
    // Without providers planPayout refuses.
    return payoutTerms(deps.payouts!, { ...plan, amount, preference: command.preference });
  }
  const { type, to } = await planEnds(deps, call, command, await lookUpEnds(deps, command));
  if (type === 'INTERNAL') return inside(type, amount);
  const exchange = await priceExchange(deps, { amount, to }, call.signal);
  const destinationAmount = { amountMinor: exchange.arrivesMinor, currency: to };
  return { ...inside(type, amount), destinationAmount, exchange };
}

/** What no provider has to carry out of the bank costs nothing. */
function inside(type: Terms['type'], amount: Money): Terms {
  const terms = { type, amount, destinationAmount: amount, feeLines: [], options: [] };
  return { ...terms, exchange: null, provider: null, cheaper: null };
}
