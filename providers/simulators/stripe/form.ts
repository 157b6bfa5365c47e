/** What a form body says: nested as Stripe's names are, `metadata[transfer_id]=…` and `expand[0]=…`. */
export interface Form {
  [name: string]: string | Form;
}

const MAX_DEPTH = 8;

/** Reads application/x-www-form-urlencoded (of a body or of a query); null when its names make no sense. */
export function parseForm(text: string): Form | null {
  const form: Form = Object.create(null) as Form;
  for (const [name, value] of new URLSearchParams(text)) {
    const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
    if (!match) return null;
    const path = [match[1]!, ...[...match[2]!.matchAll(/\[([^[\]]*)\]/g)].map(([, part]) => part!)];
    if (path.length > MAX_DEPTH || !put(form, path, value)) return null;
  }
  return form;
}

function put(form: Form, path: string[], value: string): boolean {
  const [name, ...rest] = path;
  if (rest.length === 0) {
    form[name!] = value;
    return true;
  }
  const inner = (form[name!] ??= Object.create(null) as Form);
  return typeof inner === 'object' && put(inner, rest, value);
}

/** The same for two bodies that say the same in another order. */
export function canonical(form: Form): string {
  const sorted = (each: string | Form): unknown =>
    typeof each === 'string'
      ? each
      : Object.keys(each)
          .sort()
          .map((name) => [name, sorted(each[name]!)]);
  return JSON.stringify(sorted(form));
}
