/**
 * What an app asks for when it opens: one operation over all six subgraphs. It takes $from and $to, the days of the spending
 * that is shown.
 */
export const HOME_SCREEN = `query HomeScreen($from: Date!, $to: Date!) {
  me {
    displayName
    accounts(first: 50) { edges { node {
      id name currency
      balance { available { amount } version }
      transactions(first: 5) { edges { node { amount { amount } description } } }
    } } }
    portfolio { total { amount } holdings { currency quantity value { amount } } }
    riskProfile { level score limits { daily { amount } dailyRemaining { amount } } }
    insights {
      spending(from: $from, to: $to) { total { amount } categories { category total { amount } } }
      recommendations { title }
    }
    transfers(first: 10) { edges { node {
      id type status amount { amount currency } source { label } destination { label }
    } } }
    paymentMethods { edges { node { label isActive } } }
  }
}`;

interface Amount {
  amount: string;
}

interface Edges<Node> {
  edges: { node: Node }[];
}

/** The answer; every part is null when its subgraph gave none. */
export interface HomeScreen {
  me: {
    displayName: string;
    accounts: Edges<{
      id: string;
      name: string;
      currency: string;
      balance: { available: Amount; version: number };
      transactions: Edges<{ amount: Amount; description: string }>;
    }> | null;
    portfolio: { total: Amount; holdings: { currency: string; quantity: string; value: Amount | null }[] } | null;
    riskProfile: { level: string; score: number; limits: { daily: Amount; dailyRemaining: Amount }[] } | null;
    insights: {
      spending: { total: Amount; categories: { category: string; total: Amount }[] };
      recommendations: { title: string }[];
    } | null;
    transfers: Edges<{
      id: string;
      type: string;
      status: string;
      amount: Amount & { currency: string };
      source: { label: string };
      destination: { label: string };
    }> | null;
    paymentMethods: Edges<{ label: string; isActive: boolean }> | null;
  } | null;
}
