/**
 * Who owns tables. Each owner has a Postgres schema of its name, a role that owns what is in it (and cannot log in), and a
 * role to log in with. In the order in which their migrations run: what comes later may refer to what comes before.
 */
export const OWNERS = ['platform', 'ledger', 'user', 'wallet', 'portfolio', 'risk', 'transfer', 'insights'] as const;
export type Owner = (typeof OWNERS)[number];

/** Owners whose tables no service may touch by itself: their migrations grant each right by name. */
export const CLOSED_OWNERS: ReadonlySet<Owner> = new Set(['platform', 'ledger']);

/** Owners whose service runs jobs, in a schema of its own beside the owner's (platform/jobs.ts). */
export const OWNERS_WITH_JOBS: readonly Owner[] = ['transfer'];

/** The role that the gateway reads the event log with; it owns nothing. */
export const GATEWAY_ROLE = 'dwaybank_gateway';

/** The role that owns an owner's tables and runs its migrations. */
export function ownerRole(owner: Owner): string {
  return `dwaybank_${owner}_owner`;
}

/** The role an owner's code connects as. */
export function serviceRole(owner: Owner): string {
  return `dwaybank_${owner}`;
}

/** Every role that can log in. */
export const LOGIN_ROLES: readonly string[] = [...OWNERS.map(serviceRole), GATEWAY_ROLE];
