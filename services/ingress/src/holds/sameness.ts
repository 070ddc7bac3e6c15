/** What makes two calls identical: who asks for what. The digest is the HMAC of the canonical arguments. */
export interface Identity {
  readonly principal: { readonly tenant: string; readonly agent: string; readonly person: string };
  readonly method: string;
  readonly server: string;
  readonly tool: string;
  readonly arguments: { readonly digest: string };
}

/** Two calls have the same text exactly when the second is a repetition of the first. */
export function samenessOf(call: Identity): string {
  const { tenant, agent, person } = call.principal;
  return JSON.stringify([tenant, agent, person, call.method, call.server, call.tool, call.arguments.digest]);
}
