import type { Candidate } from '../../../providers/registry.ts';
import type { Pauses } from '../operations/pauses.ts';
import type { ChoiceFigures, StoredPayout } from './payout-store.ts';
import { mayCarry } from './plan-payout.ts';

/** Who carries a payout now, and what is told of the choice. */
export interface Choice {
  chosen: Candidate;
  figures: ChoiceFigures;
  /** For a person, on the timeline. */
  note: string;
}

/**
 * Chooses among those who can carry a payout. Who has said no, or could not be reached, is not asked again; who never took it may be, a few
 * times, after all others. First comes the one whose price was quoted, then the best by the registry's order. NONE: nobody is left;
 * PAUSED: somebody is, but nothing may leave that way for now.
 */
export function chooseProvider(
  payout: Pick<StoredPayout, 'attempts' | 'quotedProvider' | 'preference' | 'amount'>,
  candidates: readonly Candidate[],
  pauses: Pauses,
  { attemptsPerProvider }: { attemptsPerProvider: number },
): Choice | 'NONE' | 'PAUSED' {
  const { attempts, quotedProvider, preference, amount } = payout;
  const of = ({ provider }: Candidate) => attempts.filter((attempt) => attempt.provider === provider.name);
  const mayTry = (candidate: Candidate) =>
    of(candidate).length < attemptsPerProvider && of(candidate).every(({ outcome }) => outcome === 'NOT_HERE');
  const left = candidates.filter(mayTry);
  if (left.length === 0) return 'NONE';
  const usable = left.filter((candidate) => mayCarry(pauses, amount.currency, candidate));
  const fresh = usable.filter((candidate) => of(candidate).length === 0);
  const chosen = fresh.find(({ provider }) => provider.name === quotedProvider) ?? fresh[0] ?? usable[0];
  if (!chosen) return 'PAUSED';
  const figures = candidates.map(figuresOf);
  return { chosen, figures: { preference, candidates: figures }, note: noteOf(chosen, figures, payout) };
}

function figuresOf({ provider, health, cost, speed, score }: Candidate): ChoiceFigures['candidates'][number] {
  return { provider: provider.name, health, cost, speed, score };
}

function noteOf(
  { provider }: Candidate,
  figures: ChoiceFigures['candidates'],
  { preference, quotedProvider }: Pick<StoredPayout, 'preference' | 'quotedProvider'>,
): string {
  const told = figures.map(
    ({ provider: name, health, cost, speed, score }) =>
      `${name} ${round(score)} (health ${round(health)}, cost ${round(cost)}, speed ${round(speed)})`,
  );
  const why = provider.name === quotedProvider ? 'as quoted' : `preference ${preference}`;
  return `Sent through ${provider.name}, ${why}. Scores of 100: ${told.join('; ')}.`;
}

function round(figure: number): number {
  return Math.round(figure);
}
