import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide, type Command } from './decide.js';
import { noLinks } from './person.js';
import { evolve, initial, RequestRefused, type Request, type RequestEvent } from './request.js';

/**
 * Random histories against a model that knows the truth: which processes live, what they wrote, what time it is. The service
 * acts on commands in any order and number, and what it decides must never break the promises.
 */
const approval = '01K0000000000000000000000A';
const call = '01K0000000000000000000000C';
const start = 1_000_000_000_000;
const lifetime = 100;
/** Two spellings of the requester, two of bob. */
const people = ['alice', 'ALICE', 'bob', 'Bob', 'carol', 'dave'];
const agents = ['claude', 'console', 'phone'];

type Step =
  | { readonly step: 'vote'; readonly person: string; readonly agent: string; readonly verdict: 'approve' | 'deny'; readonly binding: boolean | undefined }
  | { readonly step: 'cancel'; readonly person: string; readonly operator: boolean }
  | { readonly step: 'wait'; readonly ms: number }
  | { readonly step: 'expire' | 'reject' | 'open' | 'close' }
  /** A process dies and starts again with a new epoch. */
  | { readonly step: 'restart'; readonly instance: number }
  /** The process that was named records its dispatch, if it still has the epoch in which it was named. */
  | { readonly step: 'dispatch' }
  | { readonly step: 'name'; readonly instance: number };

const instance = fc.integer({ min: 0, max: 2 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      step: fc.constant('vote' as const),
      person: fc.constantFrom(...people),
      agent: fc.constantFrom(...agents),
      verdict: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'approve' as const, 'deny' as const),
      binding: fc.constantFrom(undefined, true, true, false),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('cancel' as const), person: fc.constantFrom(...people), operator: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constantFrom('expire' as const, 'expire' as const, 'open' as const) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constantFrom('reject' as const, 'close' as const, 'expire' as const) }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('restart' as const), instance }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('dispatch' as const) }) },
  { weight: 6, arbitrary: fc.record({ step: fc.constant('name' as const), instance }) },
);

class World {
  state: Request = initial;
  readonly events: { event: RequestEvent; now: number }[] = [];
  now = start;
  readonly epochs = [1, 1, 1];
  dispatched: { instance: string; epoch: string } | undefined;

  constructor(readonly quorum: number) {
    this.run({
      do: 'open',
      request: {
        approval,
        call,
        binding: 'right',
        requester: { tenant: 'default', agent: 'claude', person: 'alice', owner: null, actors: [] },
        method: 'tools/call',
        server: 's',
        tool: 't',
        rules: ['r'],
        reason: 'because',
        terms: { quorum, expires_s: 1 },
        opened: new Date(start).toISOString(),
        expires: new Date(start + lifetime).toISOString(),
        held: { topic: 'customhouse.calls', partition: 0, offset: 0 },
      },
    });
  }

  run(command: Command): void {
    let produced: readonly RequestEvent[] = [];
    try {
      produced = decide(command, this.state);
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
    }
    for (const event of produced) {
      this.check(event);
      this.events.push({ event, now: this.now });
      this.state = evolve(this.state, event);
    }
  }

  apply(step: Step): void {
    const { now } = this;
    switch (step.step) {
      case 'vote':
        return this.run({
          do: 'vote',
          by: { person: step.person, agent: step.agent },
          verdict: step.verdict,
          groups: [],
          delegations: [],
          links: noLinks,
          reason: '',
          via: 'api',
          fresh: false,
          preview: null,
          binding: step.binding === undefined ? undefined : step.binding ? 'right' : 'wrong',
          now,
        });
      case 'cancel':
        return this.run({ do: 'cancel', by: { person: step.person, agent: 'console' }, operator: step.operator, links: noLinks, reason: '', now });
      case 'wait':
        this.now += step.ms;
        return;
      case 'expire':
        return this.run({ do: 'expire', evidence: this.evidence(), now });
      case 'reject':
        return this.run({ do: 'reject', reason: 'unfit' });
      case 'open':
        return this.run({ do: 'open', request: this.events[0]!.event.data as Extract<Command, { do: 'open' }>['request'] });
      case 'close':
        return this.run({ do: 'close', terminal: 'call.completed' });
      case 'restart':
        this.epochs[step.instance]! += 1;
        return;
      case 'dispatch': {
        const named = this.state.status === 'dispatching' ? this.state.dispatcher : null;
        if (named !== null && this.alive(named)) this.dispatched ??= named;
        return;
      }
      case 'name':
        return this.run({ do: 'name', instance: `i${step.instance}`, epoch: String(this.epochs[step.instance]), evidence: this.evidence(), now });
    }
  }

  alive(named: { instance: string; epoch: string }): boolean {
    return String(this.epochs[Number(named.instance.slice(1))]) === named.epoch;
  }

  private evidence() {
    const named = this.state.status === 'none' ? null : this.state.dispatcher;
    return { ended: named !== null && !this.alive(named), dispatched: this.dispatched !== undefined, searched: 1 };
  }

  /** The promises, against the truth at the moment of the event. */
  private check(event: RequestEvent): void {
    const count = (type: string) => this.events.filter((earlier) => earlier.event.type === type).length;
    const decisions = count('approval.request.denied') + count('approval.request.expired') + count('approval.request.cancelled');
    expect(count('approval.request.closed')).toBe(0);
    switch (event.type) {
      case 'approval.request.opened':
        expect(this.events).toHaveLength(0);
        return;
      case 'approval.vote.cast':
        expect(this.now).toBeLessThan(start + lifetime);
        expect(decisions + count('approval.request.granted')).toBe(0);
        expect(event.data.by.toLowerCase()).not.toBe('alice');
        return;
      case 'approval.request.granted': {
        expect(this.now).toBeLessThan(start + lifetime);
        expect(decisions + count('approval.request.granted')).toBe(0);
        const voters = this.events
          .filter(({ event: earlier }) => earlier.type === 'approval.vote.cast' && earlier.data.verdict === 'approve')
          .map(({ event: earlier }) => (earlier.data as { by: string }).by.toLowerCase());
        expect(new Set(voters).size).toBeGreaterThanOrEqual(this.quorum);
        expect(new Set(event.data.by.map((by: string) => by.toLowerCase())).size).toBe(event.data.by.length);
        return;
      }
      case 'approval.dispatcher.named': {
        expect(this.dispatched).toBeUndefined();
        const last = this.events.findLast(({ event: earlier }) => earlier.type === 'approval.dispatcher.named')?.event.data as { instance: string; epoch: string } | undefined;
        if (last !== undefined) expect(this.alive(last)).toBe(false);
        if (decisions === 0) {
          expect(count('approval.request.granted')).toBe(1);
          expect(this.now).toBeLessThan(start + lifetime);
        }
        return;
      }
      case 'approval.request.expired':
        expect(this.now).toBeGreaterThanOrEqual(start + lifetime);
        expect(decisions).toBe(0);
        expect(this.dispatched).toBeUndefined();
        return;
      case 'approval.request.denied':
        expect(decisions + count('approval.request.granted')).toBe(0);
        return;
      case 'approval.request.cancelled':
        expect(decisions).toBe(0);
        expect(this.dispatched).toBeUndefined();
        return;
      case 'approval.request.reminded':
      case 'approval.request.escalated':
      case 'approval.glass.broken':
      case 'approval.review.completed':
      case 'approval.request.closed':
        return;
    }
  }
}

describe('over random histories', () => {
  it('nothing is granted without enough distinct people, decided twice, run by two, or done after the expiry', () => {
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: lifetime }), fc.array(steps, { minLength: 5, maxLength: 60 }), (quorum, age, history) => {
        const world = new World(quorum);
        world.now += age;
        for (const step of history) world.apply(step);
        for (const { event } of world.events) reached.set(event.type, (reached.get(event.type) ?? 0) + 1);
        if (world.dispatched) reached.set('dispatched', (reached.get('dispatched') ?? 0) + 1);
      }),
      { numRuns: 3_000 },
    );
    // A property over histories in which nothing happens proves nothing.
    for (const type of [
      'approval.request.granted',
      'approval.request.denied',
      'approval.request.expired',
      'approval.request.cancelled',
      'approval.dispatcher.named',
      'dispatched',
    ]) {
      expect({ type, often: (reached.get(type) ?? 0) > 20 }).toEqual({ type, often: true });
    }
  });
});
