import { z } from 'zod';
import { POLICY } from '../../platform/policy.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { offerOf } from '../fee-table.ts';
import type { PayoutProvider } from '../payout-provider.ts';
import { connectProvider } from '../provider-connection.ts';
import { isRefused, readAnswer } from './answers.ts';
import { findPayout } from './find-payout.ts';
import { tariffOf } from './offers.ts';
import { sendPayout } from './send-payout.ts';

export interface PaystackOptions {
  /** sk_live_… or sk_test_… */
  secretKey: string;
  /** Where Paystack answers, for example http://127.0.0.1:4101 of a simulator; null is Paystack itself. */
  url: string | null;
  /** So long after sending a request may still be on its way there. */
  inFlightMs?: number;
}

export const PAYSTACK_URL = 'https://api.paystack.co';
const Balances = z.array(z.object({ currency: z.string(), balance: z.number() }));

/** Payouts to bank accounts and mobile money through Paystack's Transfers (https://paystack.com/docs/api/transfer). */
export function createPaystackPayouts({ secretKey, url, inFlightMs }: PaystackOptions): PayoutProvider {
  const connection = connectProvider({ title: 'Paystack', url: url ?? PAYSTACK_URL, secretKey });
  const patience = inFlightMs ?? POLICY.providers.inFlightMs;
  return {
    name: 'paystack',
    types: ['BANK', 'MOBILE_MONEY'],
    offer: ({ kind, amountMinor, currency }) => offerOf(tariffOf(kind, currency), amountMinor),
    send: (request, signal) => sendPayout(connection, request, signal),
    find: (payout, signal) => findPayout(connection, { ...payout, inFlightMs: patience }, signal),
    async checkHealth(signal) {
      const answer = readAnswer(await connection.call('GET', '/balance', signal), Balances);
      if (isRefused(answer)) throw new ProviderOutcomeUnknownError(`Paystack is not well (${answer.code})`);
    },
    close: () => connection.close(),
  };
}
