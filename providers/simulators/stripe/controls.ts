import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { sendJson } from '../../../platform/http-json.ts';
import { invalidRequest } from './answers.ts';
import { Disturbance } from './disturbances.ts';
import type { StripeSimulator } from './stripe-simulator.ts';

type Controlled = Omit<StripeSimulator, 'url' | 'close'>;

const Settlement = z.union([
  z.strictObject({ payment_intent: z.string(), succeeds: z.boolean() }),
  z.strictObject({ payout: z.string(), succeeds: z.boolean() }),
  z.strictObject({ refund: z.string(), succeeds: z.boolean() }),
]);

/**
 * The same controls over HTTP, for a simulator that is a process of its own. Stripe has nothing like it: they lie beside
 * its endpoints, under /simulator/.
 *
 *   GET    /simulator/charges        every attempt to take money, newest first
 *   GET    /simulator/payouts        every attempt to pay out, newest first
 *   POST   /simulator/disturbances   {"effect": "DROP_AFTER", "on": "POST /v1/payment_intents", "times": 1}
 *   DELETE /simulator/disturbances   all is well again; what waits goes on
 *   GET    /simulator/refunds        every refund, newest first
 *   POST   /simulator/settlements    {"payment_intent": "pi_…", "succeeds": true}, {"payout": "po_…", "succeeds": false} or
 *                                    {"refund": "re_…", "succeeds": true}
 */
export async function answerControl(
  simulator: Controlled,
  { method, path, text }: { method: string; path: string; text: string },
  response: ServerResponse,
): Promise<void> {
  switch (`${method} ${path}`) {
    case 'GET /simulator/charges':
      return sendJson(response, 200, { charges: simulator.charges(), waiting: simulator.waiting() });
    case 'GET /simulator/payouts':
      return sendJson(response, 200, { payouts: simulator.payouts(), waiting: simulator.waiting() });
    case 'GET /simulator/refunds':
      return sendJson(response, 200, { refunds: simulator.refunds(), waiting: simulator.waiting() });
    case 'POST /simulator/disturbances':
      simulator.disturb(read(Disturbance, text));
      return sendJson(response, 200, {});
    case 'DELETE /simulator/disturbances':
      simulator.calm();
      return sendJson(response, 200, {});
    case 'POST /simulator/settlements': {
      const given = read(Settlement, text);
      const settled = await settle(simulator, given);
      if (!settled) throw invalidRequest('No such payment is processing.', {}, 404);
      return sendJson(response, 200, {});
    }
    default:
      throw invalidRequest(`There is no control ${method} ${path}.`, {}, 404);
  }
}

function settle(simulator: Controlled, given: z.output<typeof Settlement>): Promise<boolean> {
  if ('payout' in given) return simulator.settlePayout(given.payout, given.succeeds);
  if ('refund' in given) return simulator.settleRefund(given.refund, given.succeeds);
  return simulator.settle(given.payment_intent, given.succeeds);
}

function read<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidRequest('Controls are sent as JSON.');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalidRequest(z.prettifyError(parsed.error));
  return parsed.data;
}
