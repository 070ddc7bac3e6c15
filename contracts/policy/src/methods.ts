import { z } from 'zod';

/** What a client asks of a server. */
export const ClientMethod = z.enum(['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'resources/unsubscribe', 'completion/complete']);
export type ClientMethod = z.infer<typeof ClientMethod>;

/** What a server asks of a client, mostly in the course of a call. */
export const ServerMethod = z.enum(['sampling/createMessage', 'elicitation/create', 'roots/list']);
export type ServerMethod = z.infer<typeof ServerMethod>;

/** The methods of MCP that a policy decides on, each time they are used. */
export const GovernedMethod = z.enum([...ClientMethod.options, ...ServerMethod.options]);
export type GovernedMethod = z.infer<typeof GovernedMethod>;

/** What a rule can be about. Whoever may subscribe may unsubscribe, so that is not said separately. */
export const RuleMethod = GovernedMethod.exclude(['resources/unsubscribe']);

const asksTheClient: ReadonlySet<string> = new Set(ServerMethod.options);

const asksTheServer: ReadonlySet<unknown> = new Set(ClientMethod.options);

export function isClientMethod(method: unknown): method is ClientMethod {
  return asksTheServer.has(method);
}

export function isServerMethod(method: GovernedMethod): method is ServerMethod {
  return asksTheClient.has(method);
}
