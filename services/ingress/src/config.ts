import { z } from 'zod';
import { bytes, count, flag, list, milliseconds, optionalText, port, setting, text, type SettingsOf } from '@customhouse/settings/settings';
import { Subnet } from '@customhouse/policy-contract/patterns';
import { stdioSettings } from '@customhouse/upstream/stdio-settings';
import { JsonPointer } from '@customhouse/policy-contract/patterns';
import { jwtIssuersText } from '@customhouse/identity/jwt-issuers';

const origin = text
  .refine((value) => /^https?:\/\/[^/?#@]+\/?$/.test(value) && URL.canParse(value), 'must be http://host:port or https://host:port, without a path')
  .transform((value) => new URL(value).origin);
/** Credentials in a URL end up in records and messages. */
function isPlainUrl(value: string): boolean {
  return /^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/.test(value) && URL.canParse(value);
}
const positive = count.refine((value) => value > 0, 'must be at least 1');
const some = milliseconds.refine((value) => value > 0, 'must be at least 1');

/** Everything that can be set about the ingress. The reference page is made from this. */
export const ingressSettings = {
  host: setting({ env: 'CUSTOMHOUSE_INGRESS_HOST', schema: text, default: '127.0.0.1', description: 'Address that the MCP endpoint listens on.' }),
  port: setting({ env: 'CUSTOMHOUSE_INGRESS_PORT', schema: port, default: '8400', description: 'Port of the MCP endpoint; 0 takes any free one.' }),
  jwtIssuers: setting({ env: 'CUSTOMHOUSE_INGRESS_JWT_ISSUERS', schema: jwtIssuersText, default: '[]', description: 'JSON array of the issuers whose tokens identify callers.' }),
  allowedHosts: setting({
    env: 'CUSTOMHOUSE_INGRESS_ALLOWED_HOSTS',
    schema: list,
    default: '',
    description: 'Host names (without port) that requests may be addressed to. Empty: loopback names when the host is loopback, else any.',
  }),
  allowedOrigins: setting({
    env: 'CUSTOMHOUSE_INGRESS_ALLOWED_ORIGINS',
    schema: list,
    default: '',
    description: 'Origins of web pages that may call, for example https://console.example. Pages of this machine may where the host is loopback; no other page may.',
  }),

  policyKeysFile: setting({
    env: 'CUSTOMHOUSE_INGRESS_POLICY_KEYS_FILE',
    schema: optionalText,
    description:
      'File with public keys in PEM, one after the other. A version of the policy decides only when one of them signed it (`customhouse policy keys` shows the key of the policy service). Not set: signatures are not looked at.',
  }),

  trustedProxies: setting({
    env: 'CUSTOMHOUSE_INGRESS_TRUSTED_PROXIES',
    schema: list.pipe(z.array(Subnet).max(1000)),
    default: '',
    description: 'Addresses and subnets of proxies whose X-Forwarded-For and Forwarded headers say where a request comes from, for example 10.0.0.0/8. Nobody else is believed.',
  }),
  policyMeta: setting({
    env: 'CUSTOMHOUSE_INGRESS_POLICY_META',
    schema: list.pipe(z.array(text.refine((name) => name !== '__proto__', 'must not name __proto__')).max(50)),
    default: '',
    description:
      'Members of `_meta` of a request that the policy sees, for example example.com/ticket: numbers, booleans and texts of at most 200 characters. They are recorded in clear.',
  }),

  headerBytes: setting({
    env: 'CUSTOMHOUSE_INGRESS_HEADER_BYTES',
    schema: bytes.refine((value) => value >= 2048, 'must be at least 2048'),
    default: '32768',
    description: 'Largest header of a request.',
  }),
  bodyBytes: setting({ env: 'CUSTOMHOUSE_INGRESS_BODY_BYTES', schema: positive, default: '4194304', description: 'Largest body of a request.' }),
  bodiesBytes: setting({
    env: 'CUSTOMHOUSE_INGRESS_BODIES_BYTES',
    schema: positive,
    default: '268435456',
    description: 'Largest size of the bodies of all requests that are being served, together; more are refused.',
  }),
  jsonDepth: setting({ env: 'CUSTOMHOUSE_INGRESS_JSON_DEPTH', schema: positive, default: '64', description: 'Arrays and objects inside one another in a request.' }),
  jsonKeys: setting({ env: 'CUSTOMHOUSE_INGRESS_JSON_KEYS', schema: positive, default: '50000', description: 'Members and items of a request, all together.' }),
  batchMessages: setting({ env: 'CUSTOMHOUSE_INGRESS_BATCH_MESSAGES', schema: positive, default: '20', description: 'Messages in one batch (revision 2025-03-26 only).' }),
  headerTimeout_ms: setting({ env: 'CUSTOMHOUSE_INGRESS_HEADER_TIMEOUT_MS', schema: some, default: '10000', description: 'Time for the header of a request to arrive.' }),
  bodyTimeout_ms: setting({ env: 'CUSTOMHOUSE_INGRESS_BODY_TIMEOUT_MS', schema: some, default: '30000', description: 'Time for a whole request to arrive.' }),
  idleTimeout_ms: setting({ env: 'CUSTOMHOUSE_INGRESS_IDLE_TIMEOUT_MS', schema: some, default: '75000', description: 'An unused connection is closed after this.' }),
  connections: setting({ env: 'CUSTOMHOUSE_INGRESS_CONNECTIONS', schema: positive, default: '10000', description: 'Connections at once; more are closed at once.' }),
  calls: setting({ env: 'CUSTOMHOUSE_INGRESS_CALLS', schema: positive, default: '1000', description: 'Calls at once, of everybody; more are refused.' }),
  callsPerPrincipal: setting({
    env: 'CUSTOMHOUSE_INGRESS_CALLS_PER_PRINCIPAL',
    schema: positive,
    default: '200',
    description: 'Calls at once of one agent and person; more are refused.',
  }),
  streamsPerPrincipal: setting({
    env: 'CUSTOMHOUSE_INGRESS_STREAMS_PER_PRINCIPAL',
    schema: positive,
    default: '200',
    description: 'Standing notification streams (GET) of one agent and person.',
  }),
  listenResources: setting({
    env: 'CUSTOMHOUSE_INGRESS_LISTEN_RESOURCES',
    schema: positive,
    default: '100',
    description: 'Resources that one stream of subscriptions/listen may be about, and tasks.',
  }),
  resumptions: setting({
    env: 'CUSTOMHOUSE_INGRESS_RESUMPTIONS',
    schema: positive,
    default: '200',
    description: 'Streams that clients lost and continue (GET with Last-Event-ID) at once; each reads the log, and more are refused.',
  }),
  peerUrl: setting({
    env: 'CUSTOMHOUSE_INGRESS_PEER_URL',
    schema: origin.optional(),
    description: 'URL at which other replicas of the ingress reach the MCP endpoint of this one, for example http://10.1.2.3:8400. Needed where there are several.',
  }),
  peers: setting({
    env: 'CUSTOMHOUSE_INGRESS_PEERS',
    schema: list.pipe(z.array(origin)),
    default: '',
    description: 'URLs of all replicas of the ingress; a name that has several addresses stands for all of them. This one may be among them.',
  }),
  peerTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_PEER_TIMEOUT_MS',
    schema: some,
    default: '10000',
    description: 'Time for another replica to begin its answer to a request that was forwarded to it.',
  }),
  callTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_CALL_TIMEOUT_MS',
    schema: some,
    default: '120000',
    description: 'Time for a server to answer a call, waiting for its turn included.',
  }),
  askTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_ASK_TIMEOUT_MS',
    schema: some,
    default: '300000',
    description: 'Time for a client to answer what a server asks of it: there may be a person to fill in a form. It does not count against the call.',
  }),
  asksPerCall: setting({
    env: 'CUSTOMHOUSE_INGRESS_ASKS_PER_CALL',
    schema: positive,
    default: '16',
    description: 'Requests of a server to the client of one call that may wait for their answer at once; more are refused.',
  }),
  taskTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_TASK_TIMEOUT_MS',
    schema: some,
    default: '3600000',
    description: 'Time for a server to end a task that it made of a call. Clients that know tasks may ask for the outcome for as long again.',
  }),
  roundsPerCall: setting({
    env: 'CUSTOMHOUSE_INGRESS_ROUNDS_PER_CALL',
    schema: positive,
    default: '16',
    description: 'How often a server of the revision 2026-07-28 may ask for input in the course of one call; then the call fails.',
  }),
  resultBytes: setting({
    env: 'CUSTOMHOUSE_INGRESS_RESULT_BYTES',
    schema: positive,
    default: '4194304',
    description: 'Largest answer of a server. A record of the log holds it sealed, which takes a third more.',
  }),
  cacheBytes: setting({
    env: 'CUSTOMHOUSE_INGRESS_CACHE_BYTES',
    schema: count,
    default: '67108864',
    description: 'Results that are kept because a rule says `cache_s`, all together; those unused for longest make room. 0 keeps none.',
  }),
  streamAfter_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_STREAM_AFTER_MS',
    schema: some,
    default: '10000',
    description: 'A call that takes longer is answered as a stream, so that the connection is seen to be alive.',
  }),
  keepAlive_ms: setting({ env: 'CUSTOMHOUSE_INGRESS_KEEP_ALIVE_MS', schema: some, default: '15000', description: 'Time between signs of life on a stream.' }),
  pageSize: setting({ env: 'CUSTOMHOUSE_INGRESS_PAGE_SIZE', schema: positive, default: '1000', description: 'Items in one page of a list.' }),
  listTtl_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_LIST_TTL_MS',
    schema: milliseconds,
    default: '60000',
    description: 'For how long clients of the revision 2026-07-28 are told that they may keep a list. Changes are announced all the same.',
  }),
  sessionTtl_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_SESSION_TTL_MS',
    schema: some,
    default: '604800000',
    description: 'A session ends this long after it began; the client then opens another. After four weeks it ends in any case, because the keys behind session ids rotate.',
  }),
  conversation_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_CONVERSATION_MS',
    schema: some,
    default: '3600000',
    description: 'What a caller of the revision 2026-07-28 does within this time is one session, where the client names no conversation.',
  }),
  drain_ms: setting({ env: 'CUSTOMHOUSE_INGRESS_DRAIN_MS', schema: milliseconds, default: '10000', description: 'Time that calls in flight are given at shutdown.' }),

  recordTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_RECORD_TIMEOUT_MS',
    schema: some,
    default: '2000',
    description: 'Time for a record to become durable; then the call is refused.',
  }),
  relaxed: setting({
    env: 'CUSTOMHOUSE_INGRESS_RELAXED_READS',
    schema: flag,
    default: 'false',
    description: 'Does not wait for the records of tools labelled read-only. A crash may then lose the record of a call that was made.',
  }),
  relaxedRecords: setting({
    env: 'CUSTOMHOUSE_INGRESS_RELAXED_RECORDS',
    schema: positive,
    default: '2000',
    description: 'Records that may be on their way unawaited; then calls wait again.',
  }),
  regoTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_REGO_TIMEOUT_MS',
    schema: some,
    default: '100',
    description:
      'Time of the processor, and ten times that by the clock, for the Rego that a version of the policy brings beside its rules to decide one call; then the call is refused by the rule policy-timeout.',
  }),
  regoThreads: setting({
    env: 'CUSTOMHOUSE_INGRESS_REGO_THREADS',
    schema: positive,
    default: '2',
    description: 'Threads that such Rego is evaluated in. There are none while the version in force has rules only.',
  }),
  regoQueue: setting({
    env: 'CUSTOMHOUSE_INGRESS_REGO_QUEUE',
    schema: positive,
    default: '256',
    description: 'Callers of whom a call may wait for such a thread; more are refused by the rule policy-busy.',
  }),
  regoWait_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_REGO_WAIT_MS',
    schema: some,
    default: '1000',
    description: 'Time for a call to wait for such a thread, once the calls before it of the same caller are decided; then it is refused by the rule policy-busy.',
  }),
  opaUrl: setting({
    env: 'CUSTOMHOUSE_POLICY_OPA_URL',
    schema: text.refine(isPlainUrl, 'must be an http or https URL without user name, password, query and fragment').optional(),
    // Somebody may have put a password into it.
    secret: true,
    description:
      'Document of an Open Policy Agent that is asked about every call that the policy allows or holds, for example http://opa:8181/v1/data/company/customhouse. Both have to allow. Not set: nobody else is asked.',
  }),
  opaToken: setting({
    env: 'CUSTOMHOUSE_POLICY_OPA_TOKEN',
    schema: text.regex(/^[\x21-\x7e]+$/, 'must be one line of visible characters').optional(),
    secret: true,
    description: 'Bearer token for that agent.',
  }),
  opaArguments: setting({
    env: 'CUSTOMHOUSE_POLICY_OPA_ARGUMENTS',
    schema: list.pipe(z.array(JsonPointer)),
    default: '',
    description: 'JSON Pointers of arguments that it sees, for example /path,/amount; beside those that own rules look at.',
  }),
  opaTimeout_ms: setting({
    env: 'CUSTOMHOUSE_POLICY_OPA_TIMEOUT_MS',
    schema: some,
    default: '1000',
    description: 'Time for it to answer, waiting for a turn included; then the call is refused.',
  }),
  opaConcurrency: setting({ env: 'CUSTOMHOUSE_POLICY_OPA_CONCURRENCY', schema: positive, default: '64', description: 'Questions to it at once; others wait.' }),
  opaQueue: setting({
    env: 'CUSTOMHOUSE_POLICY_OPA_QUEUE',
    schema: count,
    default: '256',
    description: 'Questions to it that may wait for their turn; more are refused, and with them their calls.',
  }),

  historyEntries: setting({
    env: 'CUSTOMHOUSE_INGRESS_HISTORY_ENTRIES',
    schema: positive,
    default: '100000',
    description:
      'Sessions of which it is remembered what they have done, for rules that look at that; and as many counts of rules with a limit. Of a session that had to make room every label is assumed.',
  }),
  historyRecords: setting({
    env: 'CUSTOMHOUSE_INGRESS_HISTORY_RECORDS',
    schema: positive,
    default: '5000',
    description:
      'Records of calls that are read back in each partition of the log, when rules begin to look at what sessions have done. Of sessions that began earlier every label is assumed.',
  }),
  historyTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_HISTORY_TIMEOUT_MS',
    schema: some,
    default: '2000',
    description: 'Time for what other processes recorded to be read before a decision that looks at it; then the call is refused.',
  }),
  staleness_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_STALENESS_MS',
    schema: some,
    default: '60000',
    description: 'Calls are refused when policy, catalogue or keys could not be followed for this long.',
  }),

  hold_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_HOLD_MS',
    schema: some,
    default: '45000',
    description: 'How long a held call keeps its caller waiting before it answers "approval pending".',
  }),
  holdWithProgress_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_HOLD_WITH_PROGRESS_MS',
    schema: some,
    default: '240000',
    description: 'The same for a caller that asked for progress, and so sees that it is waiting.',
  }),
  holdPoll_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_HOLD_POLL_MS',
    schema: some,
    default: '5000',
    description: 'How often a caller whose call is held, and which was answered with a task, is asked to look.',
  }),
  approvalsUrl: setting({
    env: 'CUSTOMHOUSE_INGRESS_APPROVALS_URL',
    schema: origin.optional(),
    description: 'Where browsers reach the page of the approval service, as CUSTOMHOUSE_APPROVAL_PUBLIC_URL says it. Callers whose call is held are told where people decide then.',
  }),

  serverCalls: setting({ env: 'CUSTOMHOUSE_INGRESS_SERVER_CALLS', schema: positive, default: '64', description: 'Calls at once to one server.' }),
  serverQueue: setting({
    env: 'CUSTOMHOUSE_INGRESS_SERVER_QUEUE',
    schema: count,
    default: '256',
    description: 'Calls that may wait for their turn at one server; more are refused.',
  }),
  serverIdle_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_SERVER_IDLE_MS',
    schema: some,
    default: '600000',
    description: 'A session or process of a server that nobody used for this long is ended.',
  }),
  serverSessions: setting({
    env: 'CUSTOMHOUSE_INGRESS_SERVER_SESSIONS',
    schema: positive,
    default: '1000',
    description: 'Sessions at once with one HTTP server, one for each agent and person; the one unused for longest makes room.',
  }),
  connectTimeout_ms: setting({
    env: 'CUSTOMHOUSE_INGRESS_CONNECT_TIMEOUT_MS',
    schema: some,
    default: '10000',
    description: 'Time for a server to be connected or started, and initialised.',
  }),
  breakerFailures: setting({
    env: 'CUSTOMHOUSE_INGRESS_BREAKER_FAILURES',
    schema: positive,
    default: '5',
    description: 'Failures to reach a server, one after the other, after which it is left alone for a while.',
  }),
  breakerReset_ms: setting({ env: 'CUSTOMHOUSE_INGRESS_BREAKER_RESET_MS', schema: some, default: '5000', description: 'That while. Then one call tries again.' }),
  allowedAddresses: setting({
    env: 'CUSTOMHOUSE_INGRESS_ALLOWED_ADDRESSES',
    schema: list,
    default: '',
    description: 'Link-local or metadata addresses and subnets that servers may nevertheless have.',
  }),
  ...stdioSettings('CUSTOMHOUSE_INGRESS'),
};

export type IngressSettings = SettingsOf<typeof ingressSettings>;
