import { setMaxListeners } from 'node:events';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../platform/subgraph.ts';

/** What must answer before this gateway can serve: each by name, rejecting when it does not. */
export type ReadinessChecks = Record<string, (signal: AbortSignal) => Promise<unknown>>;

const CHECK_DEADLINE_MS = 2000;

/** One check per subgraph: the smallest operation there is, through its real transport. */
export function subgraphChecks(transports: Record<SubgraphName, SubgraphTransport>): ReadinessChecks {
  const caller = { viewer: null, origin: { ip: null, deviceId: null }, requestId: 'readiness' };
  return Object.fromEntries(
    SUBGRAPH_NAMES.map((name) => [
      name,
      async (signal: AbortSignal) => {
        const { errors } = await transports[name].execute({ query: '{ __typename }', variables: {}, caller, signal });
        if (errors) throw errors[0]!;
      },
    ]),
  );
}

/** The names of what does not answer now; empty when the gateway is ready. */
export async function failingChecks(checks: ReadinessChecks): Promise<string[]> {
  const signal = AbortSignal.timeout(CHECK_DEADLINE_MS);
  // Every check listens, and so does what it calls; Node would take more than ten for a leak.
  setMaxListeners(0, signal);
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ((await answers(check, signal)) ? null : name)),
  );
  return results.filter((name) => name !== null);
}

function answers(check: ReadinessChecks[string], signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    // A check that does not look at its signal must not keep the others waiting.
    signal.addEventListener('abort', () => resolve(false), { once: true });
    check(signal).then(
      () => resolve(true),
      () => resolve(false),
    );
  });
}
