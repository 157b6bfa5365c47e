import type { RefusalMeaning } from '../../platform/refusal.ts';

/** Every business "no" of this subgraph. */
export type UserRefusal =
  | 'EMAIL_TAKEN'
  | 'INVALID_EMAIL'
  | 'INVALID_DISPLAY_NAME'
  | 'INVALID_DEVICE_NAME'
  | 'PASSWORD_TOO_SHORT'
  | 'PASSWORD_TOO_LONG'
  | 'INVALID_CREDENTIALS'
  | 'INVALID_REFRESH_TOKEN'
  | 'REFRESH_TOKEN_REUSED';

export const USER_REFUSALS: Record<UserRefusal, RefusalMeaning> = {
  EMAIL_TAKEN: { message: 'Somebody is registered with this email already. Log in instead.', retryable: false },
  INVALID_EMAIL: { message: 'This is not an email address of the form name@example.com.', retryable: false },
  INVALID_DISPLAY_NAME: { message: 'A name has 1 to 80 printable characters.', retryable: false },
  INVALID_DEVICE_NAME: { message: 'The name of a device has at most 80 printable characters.', retryable: false },
  PASSWORD_TOO_SHORT: { message: 'A password has at least 10 characters.', retryable: false },
  PASSWORD_TOO_LONG: { message: 'A password has at most 1024 bytes.', retryable: false },
  INVALID_CREDENTIALS: { message: 'Email or password is wrong.', retryable: false },
  INVALID_REFRESH_TOKEN: { message: 'This session cannot be continued. Log in again.', retryable: false },
  REFRESH_TOKEN_REUSED: {
    message: 'This refresh token was used before, so the session has ended for safety. Log in again.',
    retryable: false,
  },
};
