import type { Finding } from '@customhouse/events/finding/finding';
import type { Principal } from '@customhouse/events/principal';
import type { Annotations, Destination, PolicyInput, RequestFacts, SessionState } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { selectArguments } from './select-arguments.js';

/** What an event that records the intent of a call says of the input of its decision: all of it but the arguments, which are sealed there. */
export interface RecordedIntent {
  readonly principal: Principal;
  readonly client: { readonly name: string; readonly version: string } | null;
  readonly network: { readonly address: string; readonly forwarded?: readonly string[] | undefined };
  readonly session: string;
  readonly session_state?: SessionState | undefined;
  readonly method: string;
  readonly server: string;
  readonly tool: string;
  readonly definition?: string | null;
  /** Null when nothing of the kind was served: then no policy was asked, and there is no input. */
  readonly labels: readonly string[] | null;
  readonly annotations?: Annotations | undefined;
  readonly destinations?: readonly Destination[] | undefined;
  readonly request?: RequestFacts | undefined;
  readonly findings: readonly Finding[];
  readonly used?: Readonly<Record<string, number>> | undefined;
}

/**
 * The input of a recorded decision, made again from its event, so that the decision can be.
 *
 * `time`: that of the event, in Unix milliseconds. `openedArguments`: what was sealed, parsed; it is not looked at where `pointers` is empty.
 * `pointers`: what the rules of the version in question look at (`Policy.argumentsNeeded`).
 */
export function recordedInput(event: { readonly time: number; readonly data: RecordedIntent }, openedArguments: unknown, pointers: readonly string[]): PolicyInput {
  const { client, network, session, method, server, tool, findings } = event.data;
  return {
    principal: principalOf(event.data.principal),
    client,
    network: { address: network.address, forwarded: [...(network.forwarded ?? [])] },
    session,
    session_state: event.data.session_state ?? nothingBefore,
    time: event.time,
    method: method as GovernedMethod,
    server,
    tool,
    version: event.data.definition ?? null,
    labels: [...(event.data.labels ?? [])],
    annotations: event.data.annotations ?? null,
    arguments: selectArguments(pointers, openedArguments),
    destinations: [...(event.data.destinations ?? [])],
    request: event.data.request ?? unknownRequest,
    findings: [...new Set(findings.map((finding) => finding.rule))],
    used: event.data.used ?? {},
  };
}

/** What a policy sees of whoever calls. */
export function principalOf({ tenant, agent, owner, person, groups, attributes, delegation, credential }: Principal): PolicyInput['principal'] {
  return { tenant, agent, owner: owner ?? null, person, groups, attributes: attributes ?? {}, delegation: delegation ?? [], credential: credential.kind };
}

/** Of a session in which nothing has happened, and where no rule looks at what has. */
export const nothingBefore: SessionState = Object.freeze({ labels: [], counters: Object.freeze({ calls: 0, refused: 0, held: 0 }) }) as SessionState;

/** Of what a server asks of a client: there is no request of a client. */
export const unknownRequest: RequestFacts = Object.freeze({ protocol: '', era: 'legacy', meta: {} }) as RequestFacts;
