/**
 * What the bank has decided and could decide otherwise: every number of policy stands here and nowhere else. Amounts are
 * minor units. Change one, and the tests that name it say who depends on it.
 */
export const POLICY = {
  /** The bank's own spending limits for a customer, in US cents: what may leave in a UTC day and month, over all accounts. */
  limits: { dailyUsdMinor: 10_000_00n, monthlyUsdMinor: 50_000_00n },
  /** Transfers to others up to this (US cents, the equivalent of any currency) go on whatever their score; above it, see decisionFor in risk. */
  stepUpAboveUsdMinor: 1_000_00n,
  /** How risk compares a transfer with what its customer usually does. The formulas are in subgraphs/risk/factors.ts. */
  risk: {
    /** What each factor counts, in parts of a hundred; unknown ones drop out and the others share their weight. */
    weights: { amount: 30n, velocity: 20n, geography: 20n, behaviour: 15n, device: 15n },
    /** A customer with fewer earlier transfers to others than this has no habits yet. */
    leastHistory: 5,
    /** So many of the newest transfers to others are looked at one by one: amounts, places, devices, hours. */
    sample: 100,
    amount: {
      /** The usual amount is the one that this share of the sample did not exceed. */
      usualQuantile: 0.9,
      /** So many times the usual amount is as unusual as it gets. */
      fullMultiple: 5n,
    },
    velocity: {
      /** Nobody is called hasty by comparison with fewer transfers than these. */
      leastUsual: { perHour: 2, perDay: 4 },
      /** A day's usual transfers fall into so many hours. */
      activeHours: 8,
      /** Up to so many times the usual number is usual, and so many times is as unusual as it gets. */
      usualMultiple: 2,
      fullMultiple: 10,
    },
    geography: {
      /** From a country that no transfer of the sample came from. */
      newCountry: 55,
      /** From another country than the transfer before, sooner than one travels: added to the above. */
      hasty: 25,
      travelHours: 3,
    },
    behaviour: {
      newRecipient: 50,
      /** At a time of day (UTC) near which no transfer of the sample was. */
      unusualHour: 30,
      /** The recipient has sent money to the customer of late. */
      roundTrip: 40,
      roundTripHours: 24,
      /** Hours to each side that are still the same habit, and transfers it takes to have one. */
      nearHours: 2,
      leastForHours: 20,
    },
    /** A new device, or a new country, by itself asks for more proof: it does not block. */
    device: { newDevice: 55 },
    /** When a transfer is told to its customer as an alert. */
    alerts: {
      /** From this score of the factor on. */
      leastScore: 50,
      /** From this part of a spending limit on, in hundredths. */
      limitNearPercent: 80n,
      /** At most one alert of a type per customer in so many hours. */
      quietHours: { factor: 1, limit: 24 },
    },
  },
  /** How providers of payouts are chosen, and how patient the bank is with them. */
  providers: {
    /** What each part of a provider's score counts, in parts of a hundred, by what the customer prefers. Health is never traded. */
    weights: {
      BALANCED: { health: 50, cost: 30, speed: 20 },
      CHEAP: { health: 50, cost: 45, speed: 5 },
      FAST: { health: 50, cost: 5, speed: 45 },
    },
    /** Health is the share of calls that went well; after so long a call counts half. */
    healthHalfLifeMs: 300_000,
    /** A provider of which nothing is known yet counts as if so many calls had gone well. */
    healthPrior: 2,
    healthCheckEveryMs: 30_000,
    /** One call, retries apart. Each retry has the same time again. */
    callTimeoutMs: 15_000,
    /** Calls to one provider at a time, and how many may wait for a place. */
    atOnce: 16,
    mostWaiting: 64,
    retries: { most: 3, firstDelayMs: 1_000, longestDelayMs: 10_000 },
    /** So many faults in a row open the breaker for so long; then one call tries. */
    breaker: { faults: 5, openMs: 60_000 },
    /** So long after a file was sent the bank behind the bank rail may still take it: until then nobody says "not here". */
    bankrailCutOffMs: 3_600_000,
    /** So long after a payout was sent a request for it may still be on its way to Paystack or Flutterwave: until then nobody says "not here". */
    inFlightMs: 300_000,
  },
  /** What the bank keeps of the mid rate of an exchange, in basis points (hundredths of a per cent). */
  exchangeSpreadBasisPoints: 50n,
  /**
   * What a transfer costs beside what its provider and the network behind it ask (subgraphs/transfer/quotes/fees.ts). INTERNAL, DEPOSIT
   * and EXCHANGE are named by no rule: they are free. Bounds are minor units; a currency without one is bounded by nothing.
   */
  fees: {
    rules: [
      {
        name: 'platform.withdrawal',
        tier: 'PLATFORM',
        types: ['WITHDRAWAL'],
        preference: null,
        basisPoints: 25n,
        leastOneUnit: true,
        atLeast: {},
        atMost: { USD: 25_00n, EUR: 25_00n, GBP: 20_00n },
      },
      {
        name: 'platform.external',
        tier: 'PLATFORM',
        types: ['EXTERNAL'],
        preference: null,
        basisPoints: 50n,
        leastOneUnit: true,
        atLeast: { USD: 25n, EUR: 25n, GBP: 20n, JPY: 40n, KWD: 80n, NGN: 100_00n, KES: 10_00n },
        atMost: { USD: 50_00n, EUR: 50_00n, GBP: 40_00n },
      },
      {
        name: 'compliance.screening',
        tier: 'COMPLIANCE',
        types: ['EXTERNAL'],
        preference: null,
        basisPoints: 5n,
        leastOneUnit: true,
        atLeast: {},
        atMost: { USD: 5_00n, EUR: 5_00n, GBP: 4_00n },
      },
      {
        name: 'premium.fast',
        tier: 'PREMIUM',
        types: ['WITHDRAWAL', 'EXTERNAL'],
        preference: 'FAST',
        basisPoints: 20n,
        leastOneUnit: true,
        atLeast: {},
        atMost: {},
      },
    ],
  },
  quotes: {
    /** How long the terms of a quote hold, by the database's clock. */
    lifetimeSeconds: 60,
    /** Quotes that were not used are forgotten so long after they have expired. */
    forgottenAfterDays: 7,
  },
  /** When a day of exchange rates is believed; how the checks use them is in subgraphs/portfolio/check-rates.ts. */
  rates: {
    /** A day of rates older than this is stale: amounts are still valued with it, and marked. */
    staleAfterDays: 2,
    /** Money is changed at rates up to this age and at no older ones; a bank with simulated providers changes at any. */
    exchangeMaxAgeDays: 3,
    /**
     * A currency issued by a state does not change by more than this factor from one day to the next, an asset by more than
     * that. Over n days the factor to the power of the root of n, as a random walk spreads: 4 days apart, its square.
     */
    largestJump: { currency: 1.5, asset: 4 },
    /** Of one unit in US dollars, lowest and highest: beyond them it is the file that is wrong and not the market. */
    plausibleUsd: { BTC: [1_000, 100_000_000], ETH: [10, 10_000_000] },
    /** Coins that stand for a dollar are at most this part of it away from one. */
    pegged: { currencies: ['USDC', 'USDT'], tolerance: 0.1 },
    /** The same rate by way of another currency's file may differ by this part: rounding makes less than a millionth. */
    crossTolerance: 0.001,
    /** Where one of these is wrong, the whole day is: they are what most is valued in or by. */
    essential: ['EUR', 'GBP', 'JPY', 'CNY', 'BTC', 'ETH'],
    /** Of a source that is asked over HTTP: one request, and a day with all retries; no file is larger. */
    http: {
      timeoutMs: 3_000,
      deadlineMs: 10_000,
      maxBytes: 1_000_000,
      retries: { most: 2, firstDelayMs: 500, longestDelayMs: 3_000 },
    },
    /** With more doubtful rates than this it is the day that is doubtful, however old the last good one. */
    mostDoubtful: 5,
  },
  reconciliation: {
    /** How many days apart a provider and the books may book the same movement. */
    windowDays: 5,
    /** A movement of ours is missing at the provider once its statement goes so many days beyond it. */
    graceDays: 3,
    /**
     * What a provider took for itself is put before staff when it is by so much more than it had said when it paid; where it had said nothing, when it
     * is more than such a part of the payment.
     */
    charges: { overAssumedPercent: 20, overAmountPercent: 5 },
    /** A provider is asked for a day so long after its end; so often whether there is one; and the alarm speaks when it last told everything so long ago. */
    fetch: { afterMinutes: 60, everyMs: 300_000, lateHours: 6 },
  },
  webhooks: {
    /** Addresses of one customer. */
    mostEndpoints: 10,
    /** An attempt that fails is followed by the next after so many seconds; after the last it is given up: about three days in all. */
    retrySeconds: [5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400],
    /** An address where every attempt has failed for so long is switched off. */
    switchOffAfterHours: 72,
    /** After a rotation the secret before signs beside the new one for so long. */
    rotationHours: 24,
  },
  /** What providers tell about transfers that are not there (yet) is waited for so long. */
  /** A transfer is waited for so long; and a provider whose own word about a payout is behind its notice for so many minutes. */
  notices: { waitHours: 24, waitMinutes: 10 },
  /** From when on insights tells a customer something. How the numbers are used stands in subgraphs/insights/advice/. */
  insights: {
    /** How far back it looks: a year and what it takes to see a yearly payment twice; and the newest lines at most. */
    historyMonths: 13,
    historyLines: 5_000,
    recurring: {
      /** Amounts of one series are at most so many per cent of their median away from it … */
      similarPercent: 25n,
      /** … and steady, as a subscription is, up to so many. */
      steadyPercent: 10n,
      /** So many per cent of the intervals and of the amounts have to fit; the rest may be a late bill or a double one. */
      regularPercent: 75,
    },
    spike: {
      /** Whole months to compare with. */
      leastMonths: 3,
      /** At least so many per cent of the median month, */
      overMedianPercent: 150n,
      /** so many tenths of the median deviation above it (4.5 is 3 standard deviations where amounts are normal), */
      overDeviationTenths: 45n,
      /** and so many per cent of a median month of all categories above it: small things are no news. */
      overMonthPercent: 10n,
    },
    unusual: {
      /** Looked for in so many last days, against the newest earlier lines of its category, at least and at most so many. */
      days: 30,
      leastPeers: 8,
      mostPeers: 100,
      /** At least so many times their median, so many tenths of their median deviation above it, at least so many per cent of a median month. */
      overMedianTimes: 3n,
      overDeviationTenths: 90n,
      overMonthPercent: 5n,
    },
    lowBalance: {
      days: 30,
      /** An outside balance older than this is no longer known. */
      balanceDays: 35,
    },
    saving: {
      /** A price has gone up by at least so many per cent after at least so many equal payments. */
      increasePercent: 3n,
      leastAtOldPrice: 3,
      equalPercent: 1n,
      /** So many subscriptions in one of these categories are several. */
      leastSubscriptions: 3,
      subscriptionCategories: ['Entertainment', 'Software', 'Sport'],
      /** So many fees in so many last days are worth a look. */
      leastFees: 3,
      feeDays: 90,
    },
    exposure: {
      /** Of what was spent in so many last days, at least so many per cent in one foreign currency, in at least so many lines and months. */
      days: 90,
      sharePercent: 25n,
      leastLines: 5,
      leastMonths: 3,
    },
  },
  /** Money that leaves the bank (subgraphs/transfer/payouts). */
  payouts: {
    /** Held for so long before it is sent. */
    holdMinutes: 30,
    /** Held for so long for a person to look at it. */
    reviewDays: 7,
    /** One provider is given a payout at most so often: again only when it certainly never took it. */
    attemptsPerProvider: 3,
    /** Longer than a provider ever takes to answer; what has not answered by then is unknown, not failed. */
    deadlineMs: 20_000,
    /** So long after an attempt was written it may be begun to send it; later it is not, because another may have taken over. */
    beginWithinMs: 5_000,
    /** "Not here" counts when nothing that we sent can still be on its way: longer than beginWithinMs and deadlineMs after it was written. */
    notHereAfterMs: 30_000,
    /**
     * While nobody can be reached it waits, and is tried again after a quarter of the time that it has waited, within these bounds. What has less
     * left of its hold than lastTryMs fails.
     */
    waiting: { shortestMs: 2_000, longestMs: 60_000, lastTryMs: 15_000 },
    /** Holds that have expired are looked for so often, and swept at most so many at once. */
    sweepEveryMs: 5_000,
    sweepAtOnce: 100,
  },
  /** Standing orders and scheduled transfers. */
  schedules: {
    /** Not ended ones that a customer may have at once. */
    mostOrders: 100,
    /** The first day is at most so many years ahead. */
    mostYearsAhead: 5,
    /** With RETRY: so long after an attempt that found too little money the next one, and at most so many. */
    retryHours: 6,
    mostRetries: 4,
    /** A refusal that may pass by itself (retryable) is tried again for so long; then it is the occurrence's verdict. */
    giveUpHours: 24,
    /** When its owner has stopped the order meanwhile, for so long: long enough for whatever is under way to have ended. */
    giveUpStoppedMinutes: 10,
    /** Of what was missed at one time only the newest so many are kept as SKIPPED. */
    mostMissedKept: 366,
  },
  /** What customers owe the bank (subgraphs/transfer/receivables) is looked for so often. */
  receivables: { collectEveryMs: 1_000 },
  /** Batches of transfers. */
  batches: {
    mostItems: 1_000,
    /** Batches of one customer that have no verdict yet. */
    mostUnderWay: 10,
    /** Items of one batch under way at the same time. */
    atOnce: 64,
    /** For so long items are judged before a batch is answered; the others are when their turn comes. */
    judgeWithinMs: 2_000,
    /** As schedules.giveUpHours, from the moment the batch was asked for. */
    giveUpHours: 24,
  },
  /** How the books prove themselves (subgraphs/transfer/audit). */
  audit: {
    /** Entries are chained so long after their commit, at most so many in one transaction. */
    chainEveryMs: 1_000,
    chainAtOnce: 1_000,
    /** All balances are added up a second time so often: from the last good proof on, and every so manieth time from the first entry on. */
    proofEveryMs: 60_000,
    completeEvery: 60,
    /**
     * Positions of the chain that one proof reads again: new ones, and beside them a part of the old ones, round and round: at least so
     * many, and at least the so manieth part of all, so that however long the chain is once around takes a day (a proof each minute).
     */
    newPositions: 50_000,
    oldPositions: 2_000,
    oldPart: 1_440,
  },
  /** What the bank does by itself about work that failed, and when it calls for somebody (subgraphs/transfer/operations). */
  operations: {
    /** Dead letters of LOW and MEDIUM severity are tried again so often by themselves, after pauses that grow from the first by the factor. */
    retries: { most: 5, firstPauseMs: 60_000, factor: 4, everyMs: 10_000, atOnce: 50 },
    /** A second person has so long to agree that a hold is released. */
    secondPersonHours: 24,
    /** Alarms are looked for so often. */
    alarmsEveryMs: 15_000,
    /** A hold that is still open so long after its expiry was not swept. */
    holdPastExpiryMinutes: 5,
    /** A payout whose outcome is not known for so long. */
    unknownPayoutMinutes: 15,
    /** Entries that wait to be chained for so long. */
    unchainedMinutes: 5,
    /** The last good proof is older than this. */
    proofMinutes: 15,
  },
  /** The largest overdraft of one account, in minor units of its currency. A currency that is missing here has none. */
  overdraft: {
    most: {
      USD: 5_000_00n,
      EUR: 5_000_00n,
      GBP: 4_000_00n,
      CHF: 4_000_00n,
      JPY: 750_000n,
      KWD: 1_500_000n,
      NGN: 2_000_000_00n,
      KES: 500_000_00n,
    },
  },
  /** Money set aside on an account: so many open pockets it has at most. */
  pockets: { most: 20 },
  /**
   * A statement of a month is given as a document up to so many lines; its lines can be read page by page beyond. A process writes so many
   * documents at a time, one for each customer, of whom so many more may wait.
   */
  statements: { mostLines: 10_000, atOnce: 2, mostWaiting: 36 },
} as const;
