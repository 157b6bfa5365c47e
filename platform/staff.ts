import { forbidden, unauthenticated } from './graph-errors.ts';
import type { Role, Viewer } from './viewer.ts';

/** The viewer, when they have one of the roles; else UNAUTHENTICATED or FORBIDDEN, as a GraphQL error. */
export function requireRole(viewer: Viewer | null, ...roles: readonly [Role, ...Role[]]): Viewer {
  if (!viewer) throw unauthenticated();
  if (!viewer.roles.some((role) => roles.includes(role))) throw forbidden(`This needs the role ${roles.join(' or ')}.`);
  return viewer;
}
