import { describe, expect, test } from '@jest/globals';
import { newId } from './ids.ts';
import { CALLER_HEADER, SIGNATURE_HEADER, signCall, verifyCall, type Caller } from './viewer.ts';
import { deriveSecrets } from './secrets.ts';

const key = deriveSecrets('a secret of at least thirty-two characters').key('caller-signature');
const call = { subgraph: 'wallet', path: '/graphql', body: '{"query":"{ me { id } }"}' };
const caller: Caller = {
  viewer: { userId: newId(), sessionId: newId(), roles: ['CUSTOMER'], expiresAtMs: 1_000 },
  origin: { ip: '127.0.0.1', deviceId: null },
  requestId: 'request-1',
};
const now = 1_800_000_000_000;
const signed = signCall(key, call, caller, now);

describe('a signed call', () => {
  test('tells the caller to the subgraph', () => {
    expect(verifyCall(key, call, signed, now + 1_000)).toEqual(caller);
  });

  test('is refused with another body, path, subgraph or caller', () => {
    expect(verifyCall(key, { ...call, body: call.body + ' ' }, signed, now)).toBeNull();
    expect(verifyCall(key, { ...call, path: '/questions/assess-transfer' }, signed, now)).toBeNull();
    expect(verifyCall(key, { ...call, subgraph: 'user' }, signed, now)).toBeNull();
    const other = Buffer.from(JSON.stringify({ ...caller, viewer: { ...caller.viewer, roles: ['ADMIN'] } })).toString(
      'base64url',
    );
    expect(verifyCall(key, call, { ...signed, [CALLER_HEADER]: other }, now)).toBeNull();
  });

  test('is refused without a signature, with a malformed one, with another key, and outside its half minute', () => {
    expect(verifyCall(key, call, { [CALLER_HEADER]: signed[CALLER_HEADER] }, now)).toBeNull();
    expect(verifyCall(key, call, { ...signed, [SIGNATURE_HEADER]: 't=1,v1=00' }, now)).toBeNull();
    expect(verifyCall(Buffer.alloc(32), call, signed, now)).toBeNull();
    expect(verifyCall(key, call, signed, now + 31_000)).toBeNull();
    expect(verifyCall(key, call, signed, now - 31_000)).toBeNull();
  });
});
