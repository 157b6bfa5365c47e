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
 * Chooses among those who can carry a payout. Who has said no is not asked again; who never took it may be, a few times, and who could not be
 * reached by an earlier run, after all others. First comes the one whose price was quoted, then the best by the registry's order. NONE: nobody is left;
 * PAUSED: somebody is, but nothing may leave that way for now; UNREACHABLE: they are down, or
 * could not be reached since this run began, when there were `begun` attempts.
 */
export function chooseProvider(
  payout: Pick<StoredPayout, 'attempts' | 'quotedProvider' | 'preference' | 'amount'>,
  candidates: readonly Candidate[],
  pauses: Pauses,
  { attemptsPerProvider, begun }: { attemptsPerProvider: number; begun: number },
): Choice | 'NONE' | 'PAUSED' | 'UNREACHABLE' {
  const { attempts, quotedProvider, preference, amount } = payout;
  const of = ({ provider }: Candidate) => attempts.filter((attempt) => attempt.provider === provider.name);
  const mayTry = (candidate: Candidate) => {
    // Where nothing was sent, nothing was tried.
    const had = of(candidate).filter(({ outcome }) => outcome !== 'UNREACHABLE');
    return had.length < attemptsPerProvider && had.every(({ outcome }) => outcome === 'NOT_HERE');
  };
  const left = candidates.filter(mayTry);
  if (left.length === 0) return 'NONE';
  const usable = left.filter((candidate) => mayCarry(pauses, amount.currency, candidate));
  if (usable.length === 0) return 'PAUSED';
  const silent = attempts.slice(begun).filter(({ outcome }) => outcome === 'UNREACHABLE');
  const reachable = usable.filter(
    ({ provider: { name }, down }) => !down && !silent.some(({ provider }) => provider === name),
  );
  const fresh = reachable.filter((candidate) => of(candidate).length === 0);
  const chosen = fresh.find(({ provider }) => provider.name === quotedProvider) ?? fresh[0] ?? reachable[0];
  if (!chosen) return 'UNREACHABLE';
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
