import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RuleSet } from '@customhouse/policy-contract/rules';
import { builtInModule } from '@customhouse/policies/built-in';
import { makeVersion } from '@customhouse/policies/version';
import { compilePolicy, type Policy } from '@customhouse/policy-engine/policy';
import { recordedInput } from '@customhouse/policy-engine/recorded-input';
import { BlastRadius } from '../domain/blast-radius.js';
import { PastState, type Saved } from '../domain/past-state.js';
import { recordedCall, type IntentData } from '../domain/recorded-call.js';
import type { Past } from './again.js';
import { compare } from './simulation.js';
import { Trial } from './trial.js';

const limit = { calls: 2, window_s: 60, per: 'agent' as const };
const rules = RuleSet.parse({
  version: 1,
  rules: [
    { id: 'reads', effect: 'allow', reason: 'It reads.', tools: ['files/*', 'web/*'] },
    { id: 'sends', effect: 'allow', reason: 'It sends.', tools: ['mail/*'], limit },
    { id: 'pays', effect: 'allow', reason: 'It pays.', tools: ['bank/*'], limit: { ...limit, calls: 1, per: 'session' } },
    { id: 'payments-wait', effect: 'hold', reason: 'Somebody looks.', tools: ['bank/*'] },
    { id: 'tainted', effect: 'hold', reason: 'It has seen words of others.', tools: ['mail/*'], session_labels: ['returns-untrusted', 'prompt-injection'] },
    { id: 'private', effect: 'refuse', reason: 'It has seen private data.', tools: ['web/post'], session_labels: ['reads-sensitive', 'destructive'] },
  ],
});
const labels: Record<string, readonly string[]> = {
  'files/read': ['reads-sensitive'],
  'web/get': ['returns-untrusted'],
  'web/post': [],
  'mail/send': [],
  'bank/pay': ['destructive'],
};

type Step =
  | { readonly do: 'call'; readonly tool: string; readonly session: string; readonly agent: string; readonly after_ms: number }
  /** Somebody approves the held call of this place, and it is sent. */
  | { readonly do: 'approve'; readonly nth: number; readonly after_ms: number }
  /** A call that was sent has a result with this finding. */
  | { readonly do: 'find'; readonly nth: number; readonly rule: string; readonly after_ms: number };

const after_ms = fc.integer({ min: 0, max: 20_000 });
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        tool: fc.constantFrom(...Object.keys(labels)),
        session: fc.constantFrom('s-1', 's-2'),
        agent: fc.constantFrom('a', 'b'),
        after_ms,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('approve' as const), nth: fc.nat(5), after_ms }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('find' as const), nth: fc.nat(5), rule: fc.constantFrom('prompt-injection', 'secret'), after_ms }) },
  ),
  { minLength: 1, maxLength: 40 },
);

type Event =
  | { readonly happened: 'decided'; readonly call: Past }
  | { readonly happened: 'sent'; readonly call: string; readonly time: number }
  | { readonly happened: 'found'; readonly session: string; readonly rules: readonly string[] };

/** What an ingress would have recorded, by the words of docs/explanation/sessions.md: everything is counted anew for each call. */
class Recorder {
  readonly events: Event[] = [];
  /** Calls that went through, with when. */
  private readonly passed: { readonly call: Past; readonly time: number }[] = [];
  private readonly waiting: Past[] = [];
  private time = 1_000_000;

  constructor(private readonly policy: Policy) {}

  async take(step: Step): Promise<void> {
    this.time += step.after_ms;
    if (step.do === 'call') return this.call(step);
    if (step.do === 'find') {
      const found = this.passed[step.nth];
      if (found) this.events.push({ happened: 'found', session: sessionOf(found.call), rules: [step.rule] });
      return;
    }
    const [call] = this.waiting.splice(step.nth, 1);
    if (call === undefined) return;
    this.passed.push({ call, time: this.time });
    this.events.push({ happened: 'sent', call: call.call, time: this.time });
  }

  private async call({ tool: name, session, agent }: Extract<Step, { do: 'call' }>): Promise<void> {
    const [server, tool] = name.split('/') as [string, string];
    const base = {
      principal: { tenant: 'default', agent, person: 'ann', groups: [], credential: { kind: 'key' as const, id: 'k' } },
      client: null,
      network: { address: '10.0.0.1' },
      session,
      method: 'tools/call',
      server,
      tool,
      labels: labels[name]!,
      findings: [],
    };
    const { limits } = this.policy.needs(server, tool);
    const seen = { session_state: this.state(session), used: Object.fromEntries(limits.map(({ rule, limit }) => [rule, this.used(rule, limit, session, agent)])) };
    const decision = await this.policy.decide(recordedInput({ time: this.time, data: { ...base, ...seen } }, {}, []));
    const call = recordedCall({ ...base, ...seen, call: `c-${this.events.length}`, decision } as unknown as IntentData, this.time);
    this.events.push({ happened: 'decided', call });
    if (decision.effect === 'allow') this.passed.push({ call, time: this.time });
    if (decision.effect === 'hold') this.waiting.push(call);
  }

  private state(session: string) {
    const calls = this.events.flatMap((event) => (event.happened === 'decided' && sessionOf(event.call) === session ? [event.call] : []));
    const all = [
      ...this.passed.flatMap(({ call }) => (sessionOf(call) === session ? (call.target['labels'] as string[]) : [])),
      ...this.events.flatMap((event) => (event.happened === 'found' && event.session === session ? event.rules : [])),
    ];
    const of = (effect: string) => calls.filter(({ decision }) => decision.effect === effect).length;
    return { labels: [...new Set(all)].sort(), counters: { calls: calls.length, refused: of('refuse'), held: of('hold') } };
  }

  /** In sixty parts, as it is counted. */
  private used(rule: string, { window_s, per }: { window_s: number; per: string }, session: string, agent: string): number {
    const part = (time: number) => Math.floor(time / ((window_s * 1_000) / 60));
    return this.passed.filter(({ call, time }) => {
      const same = per === 'session' ? sessionOf(call) === session : agentOf(call) === agent;
      return same && call.decision.rules.some(({ id, effect }) => id === rule && effect === 'allow') && part(time) >= part(this.time - window_s * 1_000);
    }).length;
  }
}

const sessionOf = (call: Past) => call.rest['session'] as string;
const agentOf = (call: Past) => (call.caller['principal'] as { agent: string }).agent;

async function recorded(policy: Policy, all: readonly Step[]): Promise<readonly Event[]> {
  const recorder = new Recorder(policy);
  for (const step of all) await recorder.take(step);
  return recorder.events;
}

/** What a version says about all of it. `after`: told after each event, may answer another trial to go on with. */
async function tried(trial: Trial, events: readonly Event[], after: (trial: Trial) => Trial = (same) => same) {
  const radius = new BlastRadius({ names: 10, examples: 3 });
  for (const event of events) {
    if (event.happened === 'decided') await compare(event.call, undefined, { candidate: trial, baseline: undefined }, radius);
    else if (event.happened === 'sent') trial.sent(event.call, event.time);
    else trial.found(event.session, event.rules);
    trial = after(trial);
  }
  const { calls, unchanged, changes } = radius.report();
  return { different: calls - unchanged, examples: Object.values(changes).flatMap((change) => change.examples) };
}

/** As if no rule had looked at what happened before. */
function withoutState(event: Event): Event {
  if (event.happened !== 'decided') return event;
  const { session_state: _state, used: _used, ...rest } = event.call.rest;
  return { ...event, call: { ...event.call, rest } };
}

describe('a version that is led through recorded history', () => {
  const module = builtInModule();
  const version = (number: number) => makeVersion({ number, module: module.digest, rules, note: '', cases: number === 1 ? [] : [{ name: 'so that the digest is another one' }] });
  const nothing = { different: 0, examples: [] };
  const versions = async () => Promise.all([compilePolicy(version(1), module.wasm), compilePolicy(version(2), module.wasm)]);

  it('that it decided itself decides all of it the same once more, whatever happened', async () => {
    const [policy] = await versions();
    await fc.assert(
      fc.asyncProperty(steps, async (all) => expect(await tried(new Trial(policy), await recorded(policy, all))).toEqual(nothing)),
      { numRuns: 300 },
    );
  });

  it('finds out session labels, counters and limits again where nobody recorded them, held calls that were sent among them', async () => {
    const [policy, another] = await versions();
    const effects = new Set<string>();
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const events = await recorded(policy, all);
        for (const event of events) if (event.happened === 'decided') for (const { id, effect } of event.call.decision.rules) effects.add(`${id} ${effect}`);
        expect(await tried(new Trial(another), events.map(withoutState))).toEqual(nothing);
      }),
      { numRuns: 500, seed: 5 },
    );
    // What the rules do about the past happened, and did not only stay away.
    expect([...effects]).toEqual(expect.arrayContaining(['sends refuse', 'pays refuse', 'tainted hold', 'private refuse']));
  });

  it('would say otherwise if it knew nothing of what was found and sent', async () => {
    const [policy, another] = await versions();
    const call = (tool: string) => ({ do: 'call' as const, tool, session: 's-1', agent: 'a', after_ms: 1 });
    const all: Step[] = [
      call('bank/pay'),
      { do: 'approve', nth: 0, after_ms: 1 },
      call('web/post'),
      { do: 'find', nth: 0, rule: 'prompt-injection', after_ms: 1 },
      call('mail/send'),
    ];
    const events = (await recorded(policy, all)).map(withoutState);
    expect((await tried(new Trial(another), events)).different).toBe(0);
    expect(
      (
        await tried(
          new Trial(another),
          events.filter(({ happened }) => happened !== 'sent'),
        )
      ).different,
    ).toBe(1);
    expect(
      (
        await tried(
          new Trial(another),
          events.filter(({ happened }) => happened !== 'found'),
        )
      ).different,
    ).toBe(1);
  });

  it('goes on with what was saved as if nothing had been', async () => {
    const [policy, another] = await versions();
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const saved = new Map<string, Saved>();
        const anew = (trial: Trial) => {
          for (const one of trial.before.changes()) {
            const key = JSON.stringify([one.kind, one.key]);
            if (one.value === undefined) saved.delete(key);
            else saved.set(key, JSON.parse(JSON.stringify(one)) as Saved);
          }
          return new Trial(another, new PastState(saved.values()));
        };
        expect(await tried(new Trial(another, new PastState([])), (await recorded(policy, all)).map(withoutState), anew)).toEqual(nothing);
      }),
      { numRuns: 100 },
    );
  });
});
