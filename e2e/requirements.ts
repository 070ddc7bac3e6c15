/**
 * The manifest of what the whole system promises, seen from outside. Tests cite ids in their titles as `[id]`; the coverage
 * test fails for a row that no scenario cites and for a citation that is no row. A known failure is data here, and turns
 * the run red when it is fixed.
 */
export interface Requirement {
  readonly id: string;
  /** Where the promise is made. */
  readonly source: string;
  readonly behaviour: string;
}

export const requirements: readonly Requirement[] = [
  { id: 'governed-call', source: 'ARCHITECTURE.md', behaviour: 'A real client calls a real server through the gateway and gets what the server answered, with a receipt.' },
  { id: 'recorded-before-dispatch', source: 'ARCHITECTURE.md', behaviour: 'The intent is in the log before the upstream sees the first byte of the call.' },
  { id: 'recorded-before-reply', source: 'ARCHITECTURE.md', behaviour: 'The outcome is in the log before the client sees the reply.' },
  { id: 'refused-call', source: 'ARCHITECTURE.md', behaviour: 'A call that policy refuses never reaches the upstream, says which rule and why, and is recorded.' },
  { id: 'held-call-approved', source: 'docs/explanation/approvals.md', behaviour: 'A held call runs once after another person approved it, with the arguments that were shown.' },
  { id: 'held-call-denied', source: 'docs/explanation/approvals.md', behaviour: 'A denied call never runs, and the caller is told.' },
  { id: 'held-call-four-eyes', source: 'docs/explanation/approvals.md', behaviour: 'The requester cannot approve the own call.' },
  { id: 'held-call-client-gone', source: 'docs/explanation/approvals.md', behaviour: 'An approval outlives its client, and the identical call gets the stored outcome.' },
  {
    id: 'governed-methods',
    source: 'ARCHITECTURE.md',
    behaviour: 'Prompts, resources and completions are decided by the rules for their method, recorded, and found in the audit by it.',
  },
  { id: 'held-prompt', source: 'docs/explanation/approvals.md', behaviour: 'A prompt that a rule holds is got once another person approved it.' },
  { id: 'federated-tools', source: 'ARCHITECTURE.md', behaviour: 'Tools of several servers are listed and called as server__tool.' },
  {
    id: 'federated-resources',
    source: 'docs/explanation/federation.md',
    behaviour: 'Prompts, resources and templates of several servers are listed, and every name and URI leads to one of them; a URI that two have is known by the names of both.',
  },
  {
    id: 'toolsets',
    source: 'docs/explanation/federation.md',
    behaviour: 'A toolset serves its part of the catalogue at an endpoint of its own, and permits nothing that the policy does not.',
  },
  {
    id: 'tool-search',
    source: 'docs/explanation/federation.md',
    behaviour: 'In a toolset that is searched, tools are found by words and called by call_tool, governed and recorded as the tool that was called.',
  },
  { id: 'pass-through', source: 'ARCHITECTURE.md', behaviour: "A server's own endpoint serves its tools under their own names." },
  { id: 'bad-upstream-isolated', source: 'ARCHITECTURE.md', behaviour: 'A server that is down or hangs costs only calls to itself.' },
  { id: 'progress', source: 'MCP 2025-11-25', behaviour: "The upstream's progress notifications reach the client under the client's own token." },
  { id: 'cancellation', source: 'MCP 2025-11-25', behaviour: 'A cancelled call is cancelled at the upstream and has exactly one end in the log.' },
  { id: 'api-key', source: 'docs/reference/settings.md', behaviour: 'An API key is who the call is recorded as; a wrong, revoked or expired one is refused with the reason.' },
  { id: 'policy-activation', source: 'docs/how-to/write-rules.md', behaviour: 'An activated rule set decides the next calls within a second, and the decision names its version.' },
  { id: 'drift', source: 'ARCHITECTURE.md', behaviour: 'A changed tool definition is not served until somebody accepts it.' },
  { id: 'audit-search', source: 'ARCHITECTURE.md', behaviour: 'Every call is found by agent, person, tool, server, decision and text, with its timeline.' },
  { id: 'audit-export', source: 'ARCHITECTURE.md', behaviour: 'The export holds every call that a client made.' },
  { id: 'credential-finding', source: 'docs/reference/detectors.md', behaviour: 'A credential in a result is found and does not reach the agent in clear.' },
  { id: 'sealed-log', source: 'ARCHITECTURE.md', behaviour: 'Arguments and results are in no byte of the raw log.' },
  { id: 'siem-topic', source: 'ARCHITECTURE.md', behaviour: 'Every call has an OCSF record on the SIEM topic, without arguments or results.' },
  { id: 'bad-input', source: 'docs/reference/errors.md', behaviour: 'Malformed requests get the error that names what was wrong, and harm nothing.' },
  { id: 'any-replica', source: 'MCP 2025-11-25', behaviour: 'Any replica of the ingress serves any request of a session, and continues a stream that was lost at another.' },
  {
    id: 'replica-death',
    source: 'ARCHITECTURE.md',
    behaviour: 'A replica that dies costs at most the calls in flight on it; each is recorded as lost, and its client can hear so at another.',
  },
  { id: 'restart', source: 'ARCHITECTURE.md', behaviour: 'After a restart everything is still there: servers, keys, policy, open approvals, audit.' },
  { id: 'crash-no-effect-without-intent', source: 'ARCHITECTURE.md', behaviour: 'After kill -9 at any step every call that an upstream saw has its intent in the log.' },
  { id: 'crash-one-terminal', source: 'ARCHITECTURE.md', behaviour: 'After kill -9 at any step every intent gets exactly one terminal event, and the audit shows it.' },
  {
    id: 'log-away',
    source: 'ARCHITECTURE.md',
    behaviour: 'While the log cannot be written, calls are refused within the deadline and take no effect; they work again afterwards.',
  },
  { id: 'client-sdk-v2', source: 'README.md', behaviour: "The SDK's v2 client works." },
  { id: 'client-sse', source: 'MCP 2024-11-05', behaviour: 'A client that speaks HTTP with SSE lists and calls.' },
  { id: 'client-stdio', source: 'docs/how-to/connect-a-client.md', behaviour: 'A client that speaks only stdio lists and calls through "customhouse stdio".' },
  { id: 'unknown-content', source: 'MCP', behaviour: 'Content blocks, fields and definitions that no revision knows pass unchanged to clients of both eras.' },
  { id: 'client-sdk-v1', source: 'README.md', behaviour: "The SDK's v1 client works." },
  { id: 'client-inspector', source: 'README.md', behaviour: 'The inspector works from the command line.' },
  { id: 'cli', source: 'docs/reference/cli.md', behaviour: 'The command line does what a person needs, against any mode.' },
  { id: 'matrix-lists', source: 'MCP', behaviour: 'A client of either era gets the lists of an upstream of either era as the upstream gives them.' },
  { id: 'matrix-content', source: 'MCP', behaviour: 'Every kind of content, structured content and unknown _meta pass unchanged, in all combinations of eras.' },
  { id: 'matrix-errors', source: 'MCP', behaviour: 'Failures of a tool and names that do not exist are told apart, in all combinations of eras.' },
  { id: 'matrix-prompts', source: 'MCP', behaviour: 'Prompts are got, in all combinations of eras.' },
  { id: 'matrix-resources', source: 'MCP', behaviour: 'Resources and templates are read, in all combinations of eras.' },
  { id: 'matrix-completion', source: 'MCP', behaviour: 'Arguments of prompts and templates are completed, in all combinations of eras.' },
  { id: 'matrix-header-parameters', source: 'MCP 2026-07-28', behaviour: 'Parameters that travel as headers reach an upstream that wants them so, from a client of either era.' },
  { id: 'matrix-elicitation', source: 'MCP', behaviour: 'An upstream of either era asks the user of a client of either era, by form and by page.' },
  { id: 'matrix-sampling', source: 'MCP', behaviour: 'An upstream of either era asks the model of a client of either era, where policy allows it.' },
  { id: 'matrix-roots', source: 'MCP', behaviour: 'An upstream of either era asks a client of either era for its roots.' },
  {
    id: 'matrix-rounds',
    source: 'MCP',
    behaviour: 'Several questions at once and one after the other are answered, for tools, prompts and resources, in all combinations of eras.',
  },
  { id: 'matrix-capabilities', source: 'MCP', behaviour: 'A client that did not declare a capability is not asked for it.' },
  { id: 'matrix-progress', source: 'MCP', behaviour: 'Progress reaches the client under its own token, in all combinations of eras.' },
  { id: 'matrix-cancellation', source: 'MCP', behaviour: 'What a client cancels is cancelled at the upstream, in all combinations of eras.' },
  { id: 'matrix-logging', source: 'MCP', behaviour: 'Log messages reach the client that asked for them, and no other, in all combinations of eras.' },
  { id: 'matrix-subscriptions', source: 'MCP', behaviour: 'A client that subscribed to a resource is told that it changed, in all combinations of eras.' },
  { id: 'matrix-list-changed', source: 'MCP', behaviour: 'A client is told that tools or prompts changed, in all combinations of eras.' },
  { id: 'peer-server-everything', source: 'README.md', behaviour: 'The everything server works behind the gateway, by stdio, Streamable HTTP and HTTP+SSE.' },
  { id: 'peer-server-filesystem', source: 'README.md', behaviour: 'The filesystem server works behind the gateway.' },
  { id: 'peer-server-memory', source: 'README.md', behaviour: 'The memory server works behind the gateway.' },
  { id: 'peer-server-sequential-thinking', source: 'README.md', behaviour: 'The sequential thinking server works behind the gateway.' },
  { id: 'peer-client-inspector', source: 'README.md', behaviour: 'The inspector works in each of its protocol eras.' },
  { id: 'peer-client-mcporter', source: 'README.md', behaviour: 'mcporter works.' },
  { id: 'peer-client-mcp-remote', source: 'README.md', behaviour: 'mcp-remote carries a client that speaks only stdio.' },
  { id: 'peer-client-ai-sdk', source: 'README.md', behaviour: "The AI SDK's client works." },
  { id: 'conformance', source: 'README.md', behaviour: 'The public conformance suites of both revisions score through the gateway what they score directly.' },
];
