import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { sendJson } from '../../../platform/http-json.ts';
import { Disturbance } from './disturbances.ts';
import type { PayoutSimulator, WireRequest } from './payout-simulator.ts';

const Settlement = z.strictObject({ reference: z.string(), status: z.enum(['SUCCEEDED', 'FAILED', 'REVERSED']) });
const TopUp = z.strictObject({ currency: z.string(), amountMinor: z.number().int().min(1) });
const Webhooks = z.strictObject({ url: z.url().nullable() });

/** A simulator whose account nobody tops up has no `topUp`. */
type Controlled = Omit<PayoutSimulator, 'url' | 'close' | 'topUp'> & Partial<Pick<PayoutSimulator, 'topUp'>>;

/**
 * The controls of a simulator over HTTP, for one that is a process of its own. They lie beside the provider's endpoints:
 *
 *   GET    /simulator/payouts        every payout that was taken, newest first
 *   POST   /simulator/disturbances   {"effect": "DROP_AFTER", "on": "POST /transfer", "times": 1}
 *   DELETE /simulator/disturbances   all is well again; what waits goes on
 *   POST   /simulator/settlements    {"reference": "…", "status": "REVERSED"}
 *   POST   /simulator/top-ups        {"currency": "NGN", "amountMinor": 100000}
 *   POST   /simulator/webhooks       {"url": "http://127.0.0.1:4000/webhooks/paystack"}
 */
export async function answerControl(
  simulator: Controlled,
  { method, path, json }: WireRequest,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, message: string) => sendJson(response, status, { message });
  const given = <Schema extends z.ZodType>(schema: Schema, use: (value: z.output<Schema>) => void): void => {
    const parsed = schema.safeParse(json);
    if (!parsed.success) return refuse(400, z.prettifyError(parsed.error));
    use(parsed.data);
    sendJson(response, 200, {});
  };
  switch (`${method} ${path}`) {
    case 'GET /simulator/payouts':
      return sendJson(response, 200, { payouts: simulator.payouts(), waiting: simulator.waiting() });
    case 'POST /simulator/disturbances':
      return given(Disturbance, (disturbance) => simulator.disturb(disturbance));
    case 'DELETE /simulator/disturbances':
      simulator.calm();
      return sendJson(response, 200, {});
    case 'POST /simulator/top-ups':
      return given(TopUp, ({ currency, amountMinor }) => void simulator.topUp?.(currency, BigInt(amountMinor)));
    case 'POST /simulator/webhooks':
      return given(Webhooks, ({ url }) => simulator.sendWebhooksTo(url));
    case 'POST /simulator/settlements': {
      const parsed = Settlement.safeParse(json);
      if (!parsed.success) return refuse(400, z.prettifyError(parsed.error));
      const done = await simulator.settle(parsed.data.reference, parsed.data.status);
      return done ? sendJson(response, 200, {}) : refuse(404, 'No such payout can be settled so.');
    }
    default:
      return refuse(404, `There is no control ${method} ${path}.`);
  }
}
