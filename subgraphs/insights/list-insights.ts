import type { UserId } from '../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../platform/pagination.ts';
import type { Advice } from './advice/advice.ts';
import { compareAdvice, mostUsefulFirst } from './advice/find-advice.ts';

const isPosition = positionOfForm(/^-?\d{1,16}$/, /^[\w-]{22}$/);
const positionOf = ({ createdAt, id }: Advice) => [String(createdAt.getTime()), id];

/** A page of what a person's history shows, newest first. A cursor stays good when findings come and go. */
export async function listInsights(
  userId: UserId,
  args: { first?: number | null; after?: string | null },
  readAdvice: () => Promise<readonly Advice[]>,
): Promise<Connection<Advice>> {
  const page = parsePage(args, `user.insights:${userId}`, {}, isPosition);
  const all = await readAdvice();
  const last = page.after && { createdAt: new Date(Number(page.after[0])), id: page.after[1]! };
  const rest = last ? all.filter((advice) => compareAdvice(last, advice) < 0) : all;
  return toConnection(rest.slice(0, page.limit + 1), page, positionOf, (advice) => advice);
}

const DEFAULT_RECOMMENDATIONS = 5;

/** The most useful of them. */
export async function listRecommendations(
  userId: UserId,
  { first }: { first?: number | null },
  readAdvice: () => Promise<readonly Advice[]>,
): Promise<Advice[]> {
  const { limit } = parsePage({ first }, `user.recommendations:${userId}`, {}, () => false, DEFAULT_RECOMMENDATIONS);
  return mostUsefulFirst(await readAdvice()).slice(0, limit);
}
