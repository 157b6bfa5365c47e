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
import type { Sender } from './transfer-fields.ts';

export interface FlutterwaveOptions {
  /** FLWSECK-… or FLWSECK_TEST-… */
  secretKey: string;
  /** Where Flutterwave answers, for example http://127.0.0.1:4102 of a simulator; null is Flutterwave itself. */
  url: string | null;
  /** So long after sending a request may still be on its way there. */
  inFlightMs?: number;
  /** Who payouts to Kenya are from; the bank itself unless it is said. */
  sender?: Sender;
}

export const FLUTTERWAVE_URL = 'https://api.flutterwave.com';
const BANK: Sender = { name: 'DwayBank', country: 'NG', phone: '2348000000000' };
const Balances = z.array(z.object({ currency: z.string(), available_balance: z.number() }));

/** Payouts to bank accounts and mobile money through Flutterwave's Transfers, version 3. */
export function createFlutterwavePayouts(options: FlutterwaveOptions): PayoutProvider {
  const { secretKey, url, sender = BANK, inFlightMs = POLICY.providers.inFlightMs } = options;
  const connection = connectProvider({ title: 'Flutterwave', url: url ?? FLUTTERWAVE_URL, secretKey });
  return {
    name: 'flutterwave',
    types: ['BANK', 'MOBILE_MONEY'],
    offer: ({ kind, amountMinor, currency, iban }) => offerOf(tariffOf(kind, currency, iban), amountMinor),
    send: (request, signal) => sendPayout({ connection, sender }, request, signal),
    find: (payout, signal) => findPayout(connection, { ...payout, inFlightMs }, signal),
    async checkHealth(signal) {
      const answer = readAnswer(await connection.call('GET', '/v3/balances', signal), Balances);
      if (isRefused(answer)) throw new ProviderOutcomeUnknownError(`Flutterwave is not well: ${answer.message}`);
    },
    close: () => connection.close(),
  };
}
