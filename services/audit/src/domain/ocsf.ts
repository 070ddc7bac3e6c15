import { unixMilliseconds } from '@customhouse/kernel/time';
import type { CallFact } from './call-fact.js';
import type { CallRecord } from './call-record.js';

/** Changes with every change of the mapping, so that a reader can tell records apart. */
export const mapperVersion = '1.1.0';
const schemaVersion = '1.9.0';

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

/** What an event of a call is to a security control: `action_id`, `disposition_id`, `status_id`, `severity_id`. */
interface Outcome {
  readonly action: readonly [number, string];
  readonly disposition: readonly [number, string];
  readonly status: readonly [number, string];
  readonly severity: readonly [number, string];
}

const allowed = [1, 'Allowed'] as const;
const denied = [2, 'Denied'] as const;
const success = [1, 'Success'] as const;
const failure = [2, 'Failure'] as const;
const informational = [1, 'Informational'] as const;
const low = [2, 'Low'] as const;
const medium = [3, 'Medium'] as const;

const outcomes: Readonly<Partial<Record<CallFact['type'], Outcome>>> = {
  'call.refused': { action: denied, disposition: [2, 'Blocked'], status: failure, severity: medium },
  'call.held': { action: [99, 'Held'], disposition: [14, 'Delayed'], status: [99, 'Pending'], severity: low },
  'call.denied': { action: denied, disposition: [25, 'Rejected'], status: failure, severity: medium },
  'call.completed': { action: allowed, disposition: [1, 'Allowed'], status: success, severity: informational },
  'call.failed': { action: allowed, disposition: [27, 'Error'], status: failure, severity: low },
  'call.outcome.lost': { action: allowed, disposition: [27, 'Error'], status: [0, 'Unknown'], severity: medium },
  'call.aborted': { action: denied, disposition: [6, 'Dropped'], status: failure, severity: low },
};

/**
 * The OCSF record (API Activity, 6003) of an event of a call, made from the call as it is after the event; undefined for events that are no
 * news to a security team (an admission, a dispatch). It has names and outcomes, never arguments or results.
 */
export function toOcsf(record: CallRecord, fact: CallFact): { readonly [name: string]: Json | undefined } | undefined {
  const outcome = outcomes[fact.type];
  if (!outcome) return undefined;
  const time = unixMilliseconds(fact.origin.time);
  const { intent } = record;
  const started = intent ? unixMilliseconds(intent.time) : undefined;
  const toolFailed = fact.type === 'call.completed' && fact.data.error;
  const [status_id, status] = toolFailed ? failure : outcome.status;
  return {
    ...classification,
    severity_id: outcome.severity[0],
    severity: outcome.severity[1],
    time,
    start_time: started,
    end_time: started === undefined ? undefined : time,
    duration: started === undefined ? undefined : Math.max(0, time - started),
    status_id,
    status,
    status_code: fact.type,
    status_detail: reasonOf(record, fact)?.slice(0, 1_000),
    message: messageOf(record, fact).slice(0, 500),
    action_id: outcome.action[0],
    action: outcome.action[1],
    disposition_id: outcome.disposition[0],
    disposition: outcome.disposition[1],
    is_alert: outcome.action === denied,
    policy: policyOf(record),
    metadata: {
      version: schemaVersion,
      uid: fact.origin.id,
      correlation_uid: record.call,
      event_code: fact.type,
      log_name: 'customhouse.calls',
      original_time: fact.origin.time,
      tenant_uid: intent?.tenant,
      profiles: ['security_control', 'ai_operation'],
      product: { name: 'Customhouse', vendor_name: 'Customhouse', feature: { name: 'audit', version: mapperVersion } },
    },
    actor: actorOf(record),
    src_endpoint: intent ? endpointOf(intent.address) : { name: 'unknown' },
    api: {
      operation: intent?.method ?? 'tools/call',
      request: { uid: record.call },
      service: { name: intent?.server ?? 'unknown' },
      response:
        fact.type === 'call.completed' || fact.type === 'call.failed'
          ? { error: toolFailed ? 'tool_error' : fact.type === 'call.failed' ? fact.data.reason : undefined }
          : undefined,
    },
    resources: intent ? [{ name: intent.tool, type: kindOf(intent.method), uid: intent.definition ?? undefined, namespace: intent.server }] : undefined,
    message_context: messageContextOf(record),
    unmapped: {
      customhouse: {
        call: record.call,
        rules: intent?.rules.map((rule) => rule.id) ?? [],
        findings: record.findings,
        approval: record.approval,
        during: intent?.during ?? null,
        chain: { instance: fact.origin.instance, epoch: fact.origin.epoch },
      },
    },
  };
}

const classification = {
  category_uid: 6,
  category_name: 'Application Activity',
  class_uid: 6003,
  class_name: 'API Activity',
  activity_id: 99,
  activity_name: 'Invoke',
  type_uid: 600_399,
  type_name: 'API Activity: Other',
} as const;

function actorOf({ intent }: CallRecord) {
  if (!intent) return { app_name: 'unknown' };
  return { app_name: intent.agent, app_uid: intent.agent, user: { name: intent.person, uid: intent.person, org: { uid: intent.tenant } }, session: { uid: intent.session } };
}

function policyOf({ intent }: CallRecord) {
  if (!intent) return undefined;
  const rules = intent.rules.map((rule) => rule.id).join(', ');
  return { name: 'customhouse', uid: intent.policy.digest, version: String(intent.policy.number), desc: rules.slice(0, 1_000) };
}

function messageContextOf({ intent }: CallRecord) {
  if (!intent) return undefined;
  const application = { name: intent.client?.name ?? intent.agent, version: intent.client?.version };
  return { uid: intent.session, ai_role_id: 4, ai_role: 'Agent', application, service: { name: intent.server } };
}

/** An address where it is one, a name otherwise: a process on this machine has none. */
function endpointOf(address: string): { readonly [name: string]: string } {
  return /^[0-9a-f:.]+$/i.test(address) && /[.:]/.test(address) ? { ip: address } : { name: address === '' ? 'unknown' : address };
}

/** What a method is aimed at. What a server asks of a client is aimed at what the call is aimed at in whose course it does; nobody knows more of it here. */
function kindOf(method: string): string {
  if (method === 'tools/call') return 'tool';
  if (method === 'prompts/get') return 'prompt';
  return method.startsWith('resources/') ? 'resource' : 'target';
}

function reasonOf(record: CallRecord, fact: CallFact): string | undefined {
  if (fact.type === 'call.held') return record.intent?.rules.map((rule) => rule.reason).join(' ');
  return record.end?.event === fact.origin.id ? (record.end.reason ?? undefined) : undefined;
}

function messageOf({ intent }: CallRecord, fact: CallFact): string {
  const verb = fact.type.slice('call.'.length).replaceAll('.', ' ');
  return intent ? `${intent.agent} for ${intent.person}: ${intent.method === 'tools/call' ? '' : `${intent.method} `}${intent.server}/${intent.tool} ${verb}` : `a call ${verb}`;
}
