import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { AccountId, PocketId } from '../platform/ids.ts';
import type { UserError } from '../platform/refusal.ts';
import type { Viewer } from '../platform/viewer.ts';
import type { WalletWorld } from './wallet-world.ts';

type Amount = { amount: string };

/** A pocket as the graph shows it. */
export interface ShownPocket {
  id: PocketId;
  name: string;
  target: Amount | null;
  balance: Amount;
  isOpen: boolean;
}

/** An account's money at one glance. */
export interface ShownOverview {
  own: Amount;
  available: Amount;
  overdraft: Amount;
  pockets: Amount;
  reserved: Amount;
  version: number;
}

export interface PocketAnswer {
  pocket: ShownPocket | null;
  account: { overview: ShownOverview } | null;
  userErrors: UserError[];
}

const POCKET = 'id name target { amount currency } balance { amount } isOpen';
const OVERVIEW = `overview { own { amount } available { amount } overdraft { amount } pockets { amount } reserved { amount } version }`;
const ANSWER = `pocket { ${POCKET} } account { ${OVERVIEW} } userErrors { code field retryable message }`;

/** Asks the wallet about pockets, as its customers. A key is fresh unless one is given. */
export function pocketsIn(world: WalletWorld) {
  async function change(viewer: Viewer, field: string, types: string, variables: object): Promise<PocketAnswer> {
    const { data, errors } = await world.execute<{ answer: PocketAnswer }>(
      `mutation (${types}) { answer: ${field} { ${ANSWER} } }`,
      { viewer, variables: { ...variables } },
    );
    expect(errors).toEqual([]);
    return data.answer;
  }
  const move = (field: string) => (viewer: Viewer, pocketId: string, amount: string, idempotencyKey: string = randomUUID()) =>
    change(viewer, `${field}(input: $input)`, '$input: MovePocketInput!', { input: { pocketId, amount, idempotencyKey } }); // prettier-ignore
  const asking = {
    askCreate: (viewer: Viewer, input: object) =>
      change(viewer, 'createPocket(input: $input)', '$input: CreatePocketInput!', { input }),
    into: move('moveToPocket'),
    outOf: move('moveFromPocket'),
    rename: (viewer: Viewer, pocketId: string, { name, target }: { name: string; target?: string }) =>
      change(viewer, 'renamePocket(pocketId: $pocketId, name: $name, target: $target)', '$pocketId: ID!, $name: String!, $target: Decimal', { pocketId, name, target }), // prettier-ignore
    close: (viewer: Viewer, pocketId: string) =>
      change(viewer, 'closePocket(pocketId: $pocketId)', '$pocketId: ID!', { pocketId }),
    async create(viewer: Viewer, accountId: AccountId, name = 'Bike'): Promise<ShownPocket> {
      const { pocket, userErrors } = await asking.askCreate(viewer, { accountId, name, idempotencyKey: randomUUID() });
      expect(userErrors).toEqual([]);
      return pocket!;
    },
    /** An account's open pockets and its money. */
    async shown(viewer: Viewer, accountId: AccountId): Promise<{ pockets: ShownPocket[]; overview: ShownOverview }> {
      const { data, errors } = await world.execute<{ account: { pockets: ShownPocket[]; overview: ShownOverview } }>(
        `query ($id: ID!) { account(id: $id) { pockets { ${POCKET} } ${OVERVIEW} } }`,
        { viewer, variables: { id: accountId } },
      );
      expect(errors).toEqual([]);
      return data.account;
    },
  };
  return asking;
}

/** The code and field of a refusal, for example "POCKET_CLOSED pocketId"; null when it was done. */
export function refusalIn({ pocket, userErrors }: PocketAnswer): string | null {
  if (userErrors.length === 0) return null;
  expect(pocket).toBeNull();
  return [userErrors[0]!.code, ...(userErrors[0]!.field ?? [])].join(' ');
}
