/** One request to a running gateway, as a client sends it. */
export async function ask<Data>(
  url: string,
  query: string,
  { token, variables = {} }: { token?: string; variables?: Record<string, unknown> } = {},
): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const answer = (await response.json()) as { data?: Data; errors?: unknown[] };
  if (answer.errors || !answer.data) throw new Error(`the graph answered ${JSON.stringify(answer)}`);
  return answer.data;
}
