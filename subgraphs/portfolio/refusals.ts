/** Portfolio changes nothing, so it has nothing to refuse. */
export const PORTFOLIO_REFUSALS: Record<never, never> = {};
