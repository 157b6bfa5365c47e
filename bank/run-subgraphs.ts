import { readFileSync } from 'node:fs';
import type pg from 'pg';
import type { Clock } from '../platform/clock.ts';
import type { Config } from '../platform/config.ts';
import { createPool } from '../platform/db.ts';
import { runListeners, type ListenerRunner } from '../platform/event-listeners.ts';
import { createEventTail, type EventTail } from '../platform/event-tail.ts';
import type { Logger } from '../platform/log.ts';
import type { OutsideAddresses } from '../platform/outside-address.ts';
import { POLICY } from '../platform/policy.ts';
import { createRateLimits } from '../platform/rate-limits.ts';
import type { Secrets } from '../platform/secrets.ts';
import type { SubgraphDeps } from '../platform/subgraph-deps.ts';
import { createHttpTransport } from '../platform/subgraph-http-transport.ts';
import { serveSubgraph } from '../platform/subgraph-server.ts';
import type { ServedSubgraph, Subgraph, SubgraphName, SubgraphTransport } from '../platform/subgraph.ts';
import { CALLER_KEY } from '../platform/viewer.ts';
import type { WakeUp } from '../platform/wake-up.ts';
import type { Providers } from '../providers/providers.ts';
import { chooseRates } from '../providers/rates/choose-rates.ts';
import { createInsightsSubgraph } from '../subgraphs/insights/subgraph.ts';
import { createPortfolioSubgraph } from '../subgraphs/portfolio/subgraph.ts';
import { createRiskSubgraph } from '../subgraphs/risk/subgraph.ts';
import { createTransferSubgraph } from '../subgraphs/transfer/subgraph.ts';
import { createUserSubgraph } from '../subgraphs/user/subgraph.ts';
import { createWalletSubgraph } from '../subgraphs/wallet/subgraph.ts';
import { serviceRole } from './owners.ts';

/** What some subgraphs are wired with beside what all are. */
interface MoreDeps extends Providers {
  /** Rates older than so many days change no money; null: of any age. */
  exchangeMaxAgeDays: number | null;
  /** Where webhooks of the bank's own may be posted to. */
  outsideAddresses: OutsideAddresses;
  /** Opens one more pool of the subgraph's own role; it is ended with the others. */
  morePool(max: number): pg.Pool;
}

/** How each subgraph is wired. */
const CREATE = {
  user: createUserSubgraph,
  wallet: (deps: SubgraphDeps & MoreDeps) => createWalletSubgraph(deps),
  portfolio: createPortfolioSubgraph,
  transfer: (deps: SubgraphDeps & MoreDeps) =>
    // Who posts money and who charges cards waits for nobody else's connections.
    createTransferSubgraph({
      ...deps,
      postingPool: deps.morePool(2),
      jobsPool: deps.morePool(4),
      bulkJobsPool: deps.morePool(4),
    }),
  risk: createRiskSubgraph,
  insights: createInsightsSubgraph,
} satisfies Record<SubgraphName, (deps: SubgraphDeps & MoreDeps) => Subgraph>;

/**
 * Connections of each, at most: together 62 with those of posting and jobs, which leaves a Postgres of the usual 100 room for
 * a second gateway, for people and for the event readers. More than it has listeners: when all of them wait for a lock, requests
 * still find one.
 */
const POOL_SIZES: Record<SubgraphName, number> = {
  user: 8,
  wallet: 10,
  portfolio: 6,
  transfer: 16,
  risk: 6,
  insights: 6,
};
const TAIL_POOL_SIZE = 2;

export interface RunSubgraphsOptions {
  /** Which of them run in this process; the others are asked over HTTP. */
  names: readonly SubgraphName[];
  config: Config;
  databaseUrl: string;
  secrets: Secrets;
  providers: Providers;
  wakeUp: WakeUp;
  clock: Clock;
  log: Logger;
}

type Created = { [Name in SubgraphName]: ReturnType<(typeof CREATE)[Name]> };

export interface RunningSubgraphs {
  served: ServedSubgraph[];
  /** The subgraphs of this process by name, for what the bank asks of them beside GraphQL. */
  subgraphs: Partial<Created>;
  /** How to reach any subgraph, in this process or over HTTP. */
  transport(name: SubgraphName): SubgraphTransport;
  /** Ends streams and listeners, then the connections. */
  stop(): Promise<void>;
}

/** Creates, wires and runs subgraphs with their listeners in this process. */
export async function runSubgraphs(options: RunSubgraphsOptions): Promise<RunningSubgraphs> {
  const { names, config, secrets, providers, wakeUp, clock, log } = options;
  const commonTypeDefs = readFileSync(new URL('../schema/common.graphql', import.meta.url), 'utf8');
  const limits = createRateLimits({ redisUrl: config.redisUrl, log });
  const pools = new Map(names.map((name) => [name, openPool(options, name, POOL_SIZES[name])]));
  // The tail has connections of its own, so that a busy subgraph never keeps live streams waiting.
  const tailPool = openPool(options, names[0]!, TAIL_POOL_SIZE);
  const morePools: pg.Pool[] = [];
  const tail = await createEventTail({ pool: tailPool, wakeUp, log });
  const transports = createTransports(options);
  const runners = new Map<string, ListenerRunner>();
  const subgraphs: Partial<Created> = {};

  const rateSources = chooseRates(config.rates);
  const served = names.map((name) => {
    const subgraph = CREATE[name]({
      pool: pools.get(name)!,
      secrets,
      wakeUp,
      tail,
      clock,
      log: log.child({ subgraph: name }),
      limits,
      ask: (asked, question, body, signal) => transports.get(asked).ask(question, body, signal),
      listenersCaughtUp: (listener, signal) => runnerOf(runners, listener).caughtUp(listener, signal),
      ...providers,
      rateSources,
      // The rates that come with the bank are as old as its last update; playing with simulated money they are good enough.
      outsideAddresses: config.simulated ? 'ANY' : 'PUBLIC',
      exchangeMaxAgeDays: config.simulated ? null : POLICY.rates.exchangeMaxAgeDays,
      morePool(max) {
        const pool = openPool(options, name, max);
        morePools.push(pool);
        return pool;
      },
    });
    // The key and the value have the same name; the type system cannot follow that through a union.
    Object.assign(subgraphs, { [name]: subgraph });
    const served = serveSubgraph(subgraph, { commonTypeDefs, log });
    transports.add(name, served.transport);
    return served;
  });
  for (const { subgraph } of served) {
    const deps = { pool: pools.get(subgraph.name)!, wakeUp, log: log.child({ subgraph: subgraph.name }) };
    runners.set(subgraph.name, runListeners(deps, subgraph.listeners));
  }
  for (const { subgraph } of served) await subgraph.start?.();

  return {
    served,
    subgraphs,
    transport: (name) => transports.get(name),
    stop: () =>
      stopAll({ served, runners, transports, tail, limits, pools: [...pools.values(), ...morePools, tailPool] }),
  };
}

function openPool({ databaseUrl, secrets, log }: RunSubgraphsOptions, name: SubgraphName, max: number): pg.Pool {
  const role = serviceRole(name);
  return createPool({
    url: databaseUrl,
    role,
    password: secrets.rolePassword(role),
    schema: name,
    max,
    onError: (error) => log.warn({ err: error, role }, 'an idle connection to Postgres was lost'),
  });
}

/** A listener is named after its owner, which is the subgraph that runs it. */
function runnerOf(runners: ReadonlyMap<string, ListenerRunner>, listener: string): ListenerRunner {
  const runner = runners.get(listener.split('.')[0]!);
  if (!runner) throw new Error(`listener ${listener} does not run in this process`);
  return runner;
}

interface Transports {
  add(name: SubgraphName, transport: SubgraphTransport): void;
  get(name: SubgraphName): SubgraphTransport;
  close(): Promise<void>;
}

/** In-process transports of what runs here; the others over signed HTTP, connected on first use. */
function createTransports({ config, secrets, clock, log }: RunSubgraphsOptions): Transports {
  const known = new Map<SubgraphName, SubgraphTransport>();
  return {
    add: (name, transport) => known.set(name, transport),
    get(name) {
      const transport =
        known.get(name) ??
        createHttpTransport({ name, url: config.subgraphUrls[name], key: secrets.key(CALLER_KEY), clock, log });
      known.set(name, transport);
      return transport;
    },
    async close() {
      await Promise.all([...known.values()].map((transport) => transport.close()));
    },
  };
}

interface Parts {
  served: ServedSubgraph[];
  runners: Map<string, ListenerRunner>;
  transports: Transports;
  tail: EventTail;
  limits: { close(): Promise<void> };
  pools: pg.Pool[];
}

/** In the order of dependence: first what takes work in, last the connections that work is done on. */
async function stopAll({ served, runners, transports, tail, limits, pools }: Parts): Promise<void> {
  await Promise.all([...runners.values()].map((runner) => runner.stop()));
  await transports.close();
  await Promise.all(served.map(({ subgraph }) => subgraph.stop()));
  await tail.close();
  await limits.close();
  await Promise.all(pools.map((pool) => pool.end()));
}
