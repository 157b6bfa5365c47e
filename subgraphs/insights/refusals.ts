/** Insights changes nothing, so it has nothing to refuse. */
export const INSIGHTS_REFUSALS: Record<never, never> = {};
