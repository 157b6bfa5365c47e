import { Pool } from 'undici';

/** One request and what its answer must be. */
export interface Call {
  method: 'GET' | 'POST';
  path: string;
  token?: string;
  body?: string;
  /** Throws when the answer is not what it must be. */
  check(answer: unknown): void;
}

/** Something that is measured: gives one call after the other. */
export interface Operation {
  name: string;
  /** What must be so before a turn begins. */
  before?(url: string): Promise<void>;
  next(): Call;
}

/** What one turn came to. */
export interface Turn {
  /** Answers a second. */
  rate: number;
  /** Of each answer, until its last byte was read. */
  latenciesMs: number[];
}

const ANSWER_TIMEOUT_MS = 30_000;

/** Keeps `inFlight` requests under way for some seconds, each on a connection that stays open, and checks every answer. */
export async function runTurn(
  url: string,
  operation: Operation,
  { inFlight, seconds }: { inFlight: number; seconds: number },
): Promise<Turn> {
  await operation.before?.(url);
  const pool = new Pool(url, {
    connections: inFlight,
    pipelining: 1,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    while (performance.now() - startedAt < seconds * 1000) {
      latenciesMs.push(await send(pool, operation.name, operation.next()));
    }
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, work));
    return { rate: latenciesMs.length / ((performance.now() - startedAt) / 1000), latenciesMs };
  } finally {
    await pool.destroy();
  }
}

async function send(pool: Pool, name: string, call: Call): Promise<number> {
  const { method, path, token, body } = call;
  const sentAt = performance.now();
  const response = await pool.request({
    method,
    path,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: body ?? null,
  });
  const text = await response.body.text();
  const tookMs = performance.now() - sentAt;
  try {
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    call.check(JSON.parse(text));
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}; the answer was ${text.slice(0, 2000)}`, { cause: error });
  }
  return tookMs;
}

/** The value below which so much of them lies; 0.5 is the median. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
}
