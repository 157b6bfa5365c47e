import type { UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { Role } from '../../platform/viewer.ts';
import type { UserLoaders } from './loaders.ts';

export type UserContext = SubgraphContext<UserLoaders>;

/** What resolvers of User are given. */
export interface UserParent {
  id: UserId;
  email: string;
  displayName: string;
  roles: Role[];
  kycStatus: KycStatus;
  createdAt: Date;
  /** True where the request itself has just proved to come from this person: register, login, refreshSession. */
  isCaller?: boolean;
}

export type KycStatus = 'PENDING' | 'IN_REVIEW' | 'VERIFIED' | 'REJECTED';
