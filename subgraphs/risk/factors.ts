import { POLICY } from '../../platform/policy.ts';
import type { RiskFactor } from '../../platform/questions/assess-transfer.ts';

/*
 * The five factors. Each compares a transfer with the customer's own earlier transfers to others and scores 0 (as usual) to
 * 100 (as unusual as it gets), or is null: too little is known to say anything. Their numbers stand in POLICY.risk. The
 * reasons are read by the customer: neutral, and telling nothing about anybody else.
 */

/** What is known of the transfer itself. */
export interface Subject {
  usdMinor: bigint;
  /** Where it is asked from (ISO 3166-1); null where the address tells nothing. */
  country: string | null;
  /** Keyed hash of the client's device id; null where it gave none. */
  device: string | null;
}

/** What the customer has sent to others so far. The sample is the newest POLICY.risk.sample of that, without what came to nothing. */
export interface History {
  /** Transfers ever, and those that came to nothing. */
  sent: number;
  lastHour: number;
  lastDay: number;
  /** Transfers within the 30 days before the last 24 hours. */
  daysBefore: number;
  /** How much of those 30 days lies after the very first transfer, in days, at least 1. */
  daysKnown: number;
  /** How many the sample has. */
  compared: number;
  /** POLICY.risk.amount.usualQuantile of the sample's amounts, in US cents; null without any. */
  usualUsdMinor: bigint | null;
  /** Of the sample: the newest with a known country; null without any. */
  lastPlace: { country: string; hoursAgo: number } | null;
  /** Some of the sample came from the subject's country. */
  countryKnown: boolean;
  /** Some of the sample came from a device with an id. */
  anyDevice: boolean;
  /** Some of the sample came from the subject's device. */
  deviceKnown: boolean;
  /** Of the sample: those at about this time of day (UTC). */
  nearThisHour: number;
  /** The customer has sent to this recipient before, and it came to something. */
  recipientKnown: boolean;
  /** The recipient has sent to the customer within POLICY.risk.behaviour.roundTripHours. */
  receivedLately: boolean;
}

/** What a factor found. */
export type Finding = Pick<RiskFactor, 'score' | 'reason'>;

type Factor = (subject: Subject, history: History) => Finding | null;

/** By name; null = unknown. */
export const FACTORS: Record<RiskFactor['name'], Factor> = { amount, velocity, geography, behaviour, device };

const policy = POLICY.risk;

/** 0 up to the usual amount, then straight up to 100 at `fullMultiple` times that. */
function amount({ usdMinor }: Subject, { compared, usualUsdMinor: usual }: History): Finding | null {
  if (compared < policy.leastHistory || usual === null) return null;
  if (usdMinor <= usual) return { score: 0, reason: 'An amount as in earlier transfers.' };
  const score = ((usdMinor - usual) * 100n) / (usual * (policy.amount.fullMultiple - 1n));
  return { score: score > 100n ? 100 : Number(score), reason: 'More than in most earlier transfers.' };
}

/**
 * The transfers of the last hour and of the last day, this one included, each as a multiple of the usual number; the larger
 * multiple counts: 0 up to `usualMultiple`, then straight up to 100 at `fullMultiple`.
 */
function velocity(_subject: Subject, { sent, lastHour, lastDay, daysBefore, daysKnown }: History): Finding | null {
  if (sent < policy.leastHistory) return null;
  const { leastUsual, activeHours, usualMultiple, fullMultiple } = policy.velocity;
  const ownPerDay = daysBefore / daysKnown;
  const times = Math.max(
    (lastDay + 1) / Math.max(ownPerDay, leastUsual.perDay),
    (lastHour + 1) / Math.max(ownPerDay / activeHours, leastUsual.perHour),
  );
  const score = Math.floor(((times - usualMultiple) * 100) / (fullMultiple - usualMultiple));
  if (score <= 0) return { score: 0, reason: 'About as many transfers as usual.' };
  return { score: Math.min(score, 100), reason: 'More transfers in a short time than usual.' };
}

/** A country without earlier transfers, and another country than the last one sooner than one travels. */
function geography({ country }: Subject, { lastPlace, countryKnown }: History): Finding | null {
  if (country === null || lastPlace === null) return null;
  const { newCountry, hasty, travelHours } = policy.geography;
  const soon = country !== lastPlace.country && lastPlace.hoursAgo < travelHours;
  if (!countryKnown) {
    return { score: newCountry + (soon ? hasty : 0), reason: 'From a country without earlier transfers.' };
  }
  if (soon) return { score: hasty, reason: 'From another country than a short time ago.' };
  return { score: 0, reason: 'From a country with earlier transfers.' };
}

/** What is out of the ordinary adds up, to at most 100; the heaviest gives the reason. */
function behaviour(_subject: Subject, history: History): Finding | null {
  if (history.compared < policy.leastHistory) return null;
  const { newRecipient, unusualHour, roundTrip, leastForHours } = policy.behaviour;
  const signs: [boolean, number, string][] = [
    [!history.recipientKnown, newRecipient, 'The first transfer to this recipient.'],
    [history.receivedLately, roundTrip, 'To somebody who sent money a short time ago.'],
    [
      history.compared >= leastForHours && history.nearThisHour === 0,
      unusualHour,
      'At another time of day than usual.',
    ],
  ];
  const found = signs.filter(([applies]) => applies);
  const score = found.reduce((sum, [, points]) => sum + points, 0);
  const [heaviest] = found.sort(([, a], [, b]) => b - a);
  return { score: Math.min(score, 100), reason: heaviest?.[2] ?? 'A recipient and a time as in earlier transfers.' };
}

/** The first device ever has nothing to be compared with. */
function device({ device: id }: Subject, { anyDevice, deviceKnown }: History): Finding | null {
  if (id === null || !anyDevice) return null;
  if (deviceKnown) return { score: 0, reason: 'From a device with earlier transfers.' };
  return { score: policy.device.newDevice, reason: 'From a device without earlier transfers.' };
}
