import type { Finding } from '@customhouse/events/finding/finding';
import type { Principal } from '@customhouse/events/principal';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { selectArguments } from './select-arguments.js';

/** What an event that records the intent of a call says of the input of its decision: all of it but the arguments, which are sealed there. */
export interface RecordedIntent {
  readonly principal: Principal;
  readonly client: { readonly name: string; readonly version: string } | null;
  readonly network: { readonly address: string };
  readonly session: string;
  readonly method: string;
  readonly server: string;
  readonly tool: string;
  /** Null when nothing of the kind was served: then no policy was asked, and there is no input. */
  readonly labels: readonly string[] | null;
  readonly findings: readonly Finding[];
}

/**
 * The input of a recorded decision, made again from its event, so that the decision can be.
 *
 * `time`: that of the event, in Unix milliseconds. `openedArguments`: what was sealed, parsed; it is not looked at where `pointers` is empty.
 * `pointers`: what the rules of the version in question look at (`Policy.argumentsNeeded`).
 */
export function recordedInput(event: { readonly time: number; readonly data: RecordedIntent }, openedArguments: unknown, pointers: readonly string[]): PolicyInput {
  const { principal, client, network, session, method, server, tool, labels, findings } = event.data;
  return {
    principal: { tenant: principal.tenant, agent: principal.agent, person: principal.person, groups: principal.groups, credential: principal.credential.kind },
    client,
    network: { address: network.address },
    session,
    time: event.time,
    method: method as GovernedMethod,
    server,
    tool,
    labels: [...(labels ?? [])],
    arguments: selectArguments(pointers, openedArguments),
    findings: [...new Set(findings.map((finding) => finding.rule))],
  };
}
