import type { CallFact, Origin } from '../../src/domain/call-fact.js';

/** Facts for the tests of the domain: one call, one letter an id. */
export const call = '01KAAAAAAAAAAAAAAAAAAAAAAA';
const approval = '01KBBBBBBBBBBBBBBBBBBBBBBB';
const sealed = { key: 'key', data: 'c2VhbGVk', digest: 'digest', bytes: 11 };

const originOf = (id: string, changes: Partial<Origin> = {}): Origin => ({ id, time: '2026-11-22T13:00:00.000Z', instance: 'ingress-1', epoch: '1', ...changes });
const findingsOf = (rules: readonly string[] = []) => rules.map((rule) => ({ rule, severity: 'high' as const, location: 'arguments', message: 'seen' }));

function intent(effect: 'allow' | 'refuse' | 'hold', findings?: readonly string[]) {
  return {
    call,
    session: 'session-1',
    principal: { tenant: 'default', agent: 'claude', person: 'alice@example.com', groups: ['finance'], credential: { kind: 'key' as const, id: 'k' } },
    client: { name: 'claude-code', version: '2.1.0' },
    network: { address: '10.1.2.3' },
    method: 'tools/call',
    server: 'bank',
    generation: 1,
    tool: 'transfer_money',
    exposed: 'bank__transfer_money',
    definition: 'definition-1',
    labels: ['destructive' as const],
    arguments: sealed,
    findings: findingsOf(findings),
    decision: { effect, rules: [{ id: 'money-moves', effect, reason: 'Money leaves the house.' }], obligations: {}, policy: { number: 4, digest: 'policy-4' } },
    record: 'strict' as const,
  };
}

interface More {
  readonly findings?: readonly string[];
}

export const admitted = (id: string, origin: Partial<Origin> = {}, more: More = {}): CallFact => ({
  type: 'call.admitted',
  origin: originOf(id, origin),
  data: { ...intent('allow', more.findings), deadline: '2026-11-22T13:01:00.000Z' },
});
export const refused = (id: string): CallFact => ({ type: 'call.refused', origin: originOf(id), data: { ...intent('refuse'), reason: 'the vault stays closed' } });
export const held = (id: string): CallFact => ({
  type: 'call.held',
  origin: originOf(id),
  data: { ...intent('hold'), approval: { id: approval, binding: 'binding', nonce: 'nonce', expires: '2026-11-22T14:00:00.000Z', quorum: 1 } },
});
export const dispatched = (id: string, origin: Partial<Origin> = {}): CallFact => ({
  type: 'call.dispatched',
  origin: originOf(id, origin),
  data: { call, approval, binding: 'binding', deadline: '2026-11-22T13:01:00.000Z' },
});
export const completed = (id: string, origin: Partial<Origin> = {}, more: More & { readonly error?: boolean } = {}): CallFact => ({
  type: 'call.completed',
  origin: originOf(id, { time: '2026-11-22T13:00:01.500Z', ...origin }),
  data: { call, error: more.error ?? false, result: sealed, findings: findingsOf(more.findings), upstream_ms: 20 },
});
export const failed = (id: string): CallFact => ({
  type: 'call.failed',
  origin: originOf(id),
  data: { call, reason: 'unreachable', message: 'no route', result: null, upstream_ms: 2 },
});
export const lost = (id: string): CallFact => ({ type: 'call.outcome.lost', origin: originOf(id), data: { call, reason: 'writer-gone' } });
export const aborted = (id: string): CallFact => ({ type: 'call.aborted', origin: originOf(id), data: { call, reason: 'log-unavailable' } });
export const denied = (id: string): CallFact => ({ type: 'call.denied', origin: originOf(id), data: { call, approval, reason: 'denied', message: 'not today' } });
