import type { JSONWebKeySet } from 'jose';

/** What the gateway asks user: the public keys that access tokens are signed with, newest first. */
export type SigningKeys = JSONWebKeySet;
