/** What an approval covers: the part of `call.held` that decides what would run, for whom, and why it waits. */
export interface Bound {
  readonly call: string;
  readonly principal: {
    readonly tenant: string;
    readonly agent: string;
    readonly owner?: string | undefined;
    readonly person: string;
    readonly delegation?: readonly { readonly actor: string }[] | undefined;
  };
  readonly method: string;
  readonly server: string;
  readonly generation: number;
  readonly tool: string;
  readonly definition: string | null;
  /** `digest`: HMAC over the canonical arguments. */
  readonly arguments: { readonly digest: string };
  readonly decision: {
    readonly policy: { readonly number: number; readonly digest: string; readonly external?: string | undefined };
    readonly rules: readonly { readonly id: string }[];
    /** What the approval takes, and what is done with the result. */
    readonly obligations: object;
  };
  readonly approval: { readonly id: string; readonly nonce: string; readonly expires: string; readonly quorum: number };
}

/**
 * The canonical text that the binding of an approval is the HMAC of (`Sealer.digest(bindingText(held))`). The ingress makes
 * it when it holds a call and again before it dispatches; the approval service makes it before anybody may vote.
 *
 * A JSON array of fixed order and length: every part is delimited, so two different calls never have the same text. The
 * order of the rules is not part of it. Changing the list is a new version of the first element.
 */
export function bindingText(bound: Bound): string {
  const { call, principal, method, server, generation, tool, definition, decision, approval } = bound;
  return JSON.stringify([
    'customhouse.binding.v1',
    call,
    principal.tenant,
    principal.agent,
    principal.owner ?? null,
    principal.person,
    (principal.delegation ?? []).map(({ actor }) => actor),
    method,
    server,
    generation,
    tool,
    definition,
    bound.arguments.digest,
    decision.policy.number,
    decision.policy.digest,
    decision.policy.external ?? null,
    decision.rules.map((rule) => rule.id).sort(),
    inOrder(decision.obligations),
    approval.id,
    approval.nonce,
    approval.expires,
    approval.quorum,
  ]);
}

/** The same with the members of every object in order of their names. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, member]) => [name, inOrder(member)]),
  );
}
