import { pino, type Logger } from 'pino';

export type { Logger };

/** What must never stand in a log, wherever it is nested one level deep. */
const SECRETS = ['password', 'token', 'accessToken', 'refreshToken', 'authorization', 'secret'];

/** A structured log on standard error (JSON lines): standard output belongs to what a person reads. */
export function createLog(level: string): Logger {
  return pino(
    { level, base: null, redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' } },
    pino.destination({ fd: 2, sync: true }),
  );
}
