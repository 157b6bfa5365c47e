import { unauthenticated } from '../../../platform/graph-errors.ts';
import { parseId, type UserId } from '../../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection } from '../../../platform/pagination.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { CreateTransferDeps } from '../call.ts';
import type { Room } from '../room.ts';
import { bodyOf, createWebhookSender, type DeliverWebhooksDeps, type WebhookSender } from './deliver-webhooks.ts';
import { listDeliveries } from './delivery-store.ts';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  replayWebhooks,
  rotateWebhookSecret,
  updateWebhookEndpoint,
  type ManageEndpointsDeps,
} from './manage-endpoints.ts';
import { createWebhooksListener, transferEventId } from './record-webhooks.ts';
import { listEndpoints } from './webhook-store.ts';

/** What the room of the webhooks is wired with. */
export type WebhooksDeps = ManageEndpointsDeps & DeliverWebhooksDeps & Pick<CreateTransferDeps, 'store'>;

/** How often is looked for what is due. */
const LOOK_MS = 1_000;

const isPosition = positionOfForm(/^[0-9]{1,19}$/);

/** Events of customers' money, posted to addresses of theirs. `close` ends the connections, after the periodic task. */
export function createWebhooksRoom(deps: WebhooksDeps): Room & Pick<WebhookSender, 'close'> {
  const sender = createWebhookSender(deps);
  const signedIn = (viewer: Viewer | null): Viewer => {
    if (!viewer) throw unauthenticated();
    return viewer;
  };
  return {
    listeners: [createWebhooksListener(deps)],
    periodic: [{ name: 'transfer.webhooks', everyMs: LOOK_MS, run: (signal) => sender.sendDue(signal) }],
    close: () => sender.close(),
    resolvers: {
      Mutation: {
        createWebhookEndpoint: (_root, { input }, { viewer }) => createWebhookEndpoint(deps, signedIn(viewer), input),
        updateWebhookEndpoint: (_root, { input }, { viewer }) => updateWebhookEndpoint(deps, signedIn(viewer), input),
        rotateWebhookSecret: (_root, { id }, { viewer }) => rotateWebhookSecret(deps, signedIn(viewer), id),
        deleteWebhookEndpoint: (_root, { id }, { viewer }) => deleteWebhookEndpoint(deps, signedIn(viewer), id),
        replayWebhooks: (_root, { input }, { viewer }) => replayWebhooks(deps, signedIn(viewer), input),
      },
      User: {
        webhookEndpoints: ({ id }, _args, { viewer }) => {
          const userId = parseId<UserId>(id);
          return viewer && userId === viewer.userId ? listEndpoints(deps.pool, userId) : null;
        },
      },
      Transfer: { eventId: transferEventId },
      WebhookEndpoint: {
        deliveries: async ({ id }, { first, after, status }) => {
          const page = parsePage({ first, after }, `webhook.deliveries:${id}`, { status }, isPosition);
          const rows = await listDeliveries(deps.pool, {
            endpointId: id,
            status: status ?? null,
            before: page.after?.[0] ?? null,
            limit: page.limit + 1,
          });
          return toConnection(
            rows,
            page,
            ({ seq }) => [seq],
            (row) => row,
          );
        },
      },
      WebhookDelivery: {
        body: bodyOf,
        nextAttemptAt: ({ status, nextAttemptAt }) => (status === 'PENDING' ? nextAttemptAt : null),
      },
    },
  };
}
