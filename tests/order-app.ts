import { expect } from '@jest/globals';
import { byId, byInput, dayFromNow, ORDER, type OrderAnswer, type SeenOrder } from './schedule-world.ts';
import { until } from './until.ts';
import type { Person, World } from './world.ts';

/* Standing orders as an app asks for them, through a gateway. */

/** Who asks, and from and to what account of whom unless said otherwise. */
export interface OrderScene {
  world: World;
  ada: Person;
  bob: Person;
  /** Ada's, with money on it. */
  from: string;
}

export function orderApp(scene: () => OrderScene) {
  let keys = 0;

  async function mutate(
    query: string,
    variables: Record<string, unknown>,
    as = scene().ada,
    gateway = 0,
  ): Promise<OrderAnswer> {
    return Object.values(await scene().world.ask<Record<string, OrderAnswer>>(query, variables, { as, gateway }))[0]!;
  }

  /** What goes into createStandingOrder: ten dollars to Bob every day from tomorrow on, unless said otherwise. */
  const terms = (input: Record<string, unknown> = {}) => ({
    idempotencyKey: `order-${++keys}`,
    source: { accountId: scene().from },
    destination: { email: scene().bob.email },
    amount: { amount: '10.00', currency: 'USD' },
    frequency: 'DAILY',
    firstOn: dayFromNow(1),
    ...input,
  });

  const create = (input: Record<string, unknown> = {}, as = scene().ada, gateway = 0) =>
    mutate(byInput('createStandingOrder', 'CreateStandingOrderInput'), { input: terms(input) }, as, gateway);

  async function see(id: string, as = scene().ada): Promise<SeenOrder | null> {
    const query = `query ($id: ID!) { standingOrder(id: $id) { ${ORDER} } }`;
    return (await scene().world.ask<{ standingOrder: SeenOrder | null }>(query, { id }, { as })).standingOrder;
  }

  return {
    create,
    see,
    change: (mutation: string, id: string, as = scene().ada) => mutate(byId(mutation), { id }, as),
    update: (input: Record<string, unknown>) =>
      mutate(byInput('updateStandingOrder', 'UpdateStandingOrderInput'), { input }),
    /** A dollar tomorrow, unless said otherwise. */
    schedule: (input: Record<string, unknown> = {}) => {
      const { source, destination, idempotencyKey } = terms();
      const amount = { amount: '1.00', currency: 'USD' };
      return mutate(byInput('scheduleTransfer', 'ScheduleTransferInput'), {
        input: { idempotencyKey, source, destination, amount, on: dayFromNow(1), ...input },
      });
    },
    made: async (input: Record<string, unknown> = {}): Promise<SeenOrder> => {
      const { standingOrder, userErrors } = await create(input);
      expect(userErrors).toEqual([]);
      return standingOrder!;
    },
    /** Its occurrences as number, status and code, oldest first, once there are so many and none is DUE. */
    occurrences: async (id: string, count: number): Promise<string[]> => {
      const found = await until(`${count} occurrences are settled`, async () => {
        const nodes = (await see(id))!.occurrences.edges.map(({ node }) => node).reverse();
        return nodes.length === count && nodes.every(({ status }) => status !== 'DUE') ? nodes : null;
      });
      return found!.map(({ number, status, code }) => [number, status, code].filter((part) => part !== null).join(' '));
    },
  };
}
