import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide, type Command } from './decide.js';
import { personOf } from './person.js';
import { evolve, initial, RequestRefused, type Request, type RequestEvent } from './request.js';
import type { Delegation } from './voting.js';
import type { Terms } from '../../test/story.js';

/**
 * Random histories against a model that knows the truth: which processes live, what they wrote, what time it is. The service
 * acts on commands in any order and number, and what it decides must never break the promises.
 */
const approval = '01K0000000000000000000000A';
const call = '01K0000000000000000000000C';
const start = 1_000_000_000_000;
const lifetime = 400;
/** Groups by person; several spellings and names of some. Alice asks, olaf owns her agent, planner passes it on. */
const people: Readonly<Record<string, readonly string[]>> = {
  alice: ['finance'],
  ALICE: ['finance'],
  al: ['finance', 'on-call'],
  olaf: ['board'],
  planner: ['security'],
  bob: ['finance', 'on-call'],
  Bob: ['finance'],
  bobby: ['security', 'on-call'],
  carol: ['finance', 'security'],
  dave: ['security'],
  grace: ['board'],
  henry: [],
};
const names = Object.keys(people);
/** What is true, and is linked in the course of a history, or never. */
const further: readonly (readonly [string, string])[] = [
  ['al', 'alice'],
  ['bobby', 'bob'],
];
const agents = ['claude', 'console', 'phone', null];

type Step =
  | {
      readonly step: 'vote';
      readonly person: string;
      readonly agent: string | null;
      readonly verdict: 'approve' | 'deny';
      readonly binding: boolean | undefined;
      readonly fresh: boolean;
      readonly via: string;
    }
  | { readonly step: 'break-glass'; readonly person: string; readonly fresh: boolean }
  | { readonly step: 'review'; readonly person: string }
  | { readonly step: 'link'; readonly which: number }
  | { readonly step: 'delegate'; readonly from: string; readonly to: string; readonly ms: number }
  | { readonly step: 'cancel'; readonly person: string; readonly operator: boolean }
  | { readonly step: 'wait'; readonly ms: number }
  | { readonly step: 'expire' | 'reject' | 'open' | 'close' | 'urge' }
  /** A process dies and starts again with a new epoch. */
  | { readonly step: 'restart'; readonly instance: number }
  /** The process that was named records its dispatch, if it still has the epoch in which it was named. */
  | { readonly step: 'dispatch' }
  | { readonly step: 'name'; readonly instance: number };

const instance = fc.integer({ min: 0, max: 2 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 25,
    arbitrary: fc.record({
      step: fc.constant('vote' as const),
      person: fc.constantFrom(...names, 'henry', 'grace', 'carol', 'dave'),
      agent: fc.constantFrom(...agents),
      verdict: fc.constantFrom(...Array.from({ length: 30 }, () => 'approve' as const), 'deny' as const),
      binding: fc.constantFrom(undefined, true, true, false),
      fresh: fc.boolean(),
      via: fc.constantFrom('api', 'browser', 'slack'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('break-glass' as const), person: fc.constantFrom(...names), fresh: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('review' as const), person: fc.constantFrom(...names) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('link' as const), which: fc.integer({ min: 0, max: 1 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      step: fc.constant('delegate' as const),
      from: fc.constantFrom('bob', 'carol', 'carol', 'dave', 'alice', 'bobby'),
      to: fc.constantFrom('henry', 'henry', 'grace', 'bob', 'al'),
      ms: fc.integer({ min: 0, max: 2 * lifetime }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('cancel' as const), person: fc.constantFrom(...names), operator: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: lifetime }) }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constantFrom('expire' as const, 'urge' as const, 'open' as const) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constantFrom('reject' as const, 'close' as const, 'expire' as const) }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('restart' as const), instance }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('dispatch' as const) }) },
  { weight: 6, arbitrary: fc.record({ step: fc.constant('name' as const), instance }) },
);

const groups = fc.uniqueArray(fc.constantFrom('finance', 'security', 'board', 'on-call'), { minLength: 1, maxLength: 2 });
const terms: fc.Arbitrary<Terms> = fc.record(
  {
    quorum: fc.integer({ min: 1, max: 3 }),
    expires_s: fc.constant(1),
    approvers: fc.array(fc.record({ people: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 5 }), groups }, { requiredKeys: ['groups'] }), {
      minLength: 1,
      maxLength: 2,
    }),
    groups: fc.uniqueArray(fc.record({ group: fc.constantFrom('finance', 'security'), quorum: fc.integer({ min: 1, max: 2 }) }), {
      minLength: 1,
      maxLength: 2,
      selector: ({ group }) => group,
    }),
    fresh_login: fc.boolean(),
    requester_confirms: fc.boolean(),
    remind_s: fc.constant(0.02),
    escalate: fc.record({ after_s: fc.constant(0.04), groups }),
    break_glass: fc.record({ groups }),
  },
  { requiredKeys: ['quorum', 'expires_s'] },
);

class World {
  state: Request = initial;
  readonly events: { event: RequestEvent; now: number }[] = [];
  now = start;
  readonly epochs = [1, 1, 1];
  dispatched: { instance: string; epoch: string } | undefined;
  readonly delegations: Delegation[] = [
    { from: 'carol', groups: people.carol!, to: 'henry', expires_ms: start + lifetime / 2 },
    { from: 'dave', groups: people.dave!, to: 'carol', expires_ms: start + lifetime },
  ];
  readonly links = new Map<string, string>();
  /** Through whom the last vote came. */
  speaker: string | null = null;

  constructor(readonly terms: Terms) {
    this.run({
      do: 'open',
      request: {
        approval,
        call,
        binding: 'right',
        requester: { tenant: 'default', agent: 'claude', person: 'alice', owner: 'olaf', actors: ['planner'] },
        method: 'tools/call',
        server: 's',
        tool: 't',
        rules: ['r'],
        reason: 'because',
        terms,
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
        this.speaker = step.agent;
        return this.run({
          do: 'vote',
          by: { person: step.person, agent: step.agent },
          verdict: step.verdict,
          groups: people[step.person]!,
          delegations: this.delegations,
          links: this.links,
          reason: '',
          via: step.via,
          fresh: step.fresh,
          preview: null,
          binding: step.binding === undefined ? undefined : step.binding ? 'right' : 'wrong',
          now,
        });
      case 'cancel':
        return this.run({ do: 'cancel', by: { person: step.person, agent: 'console' }, operator: step.operator, links: this.links, reason: '', now });
      case 'break-glass': {
        const voice = { groups: people[step.person]!, links: this.links, reason: 'urgent', via: 'api', fresh: step.fresh, preview: null };
        return this.run({ do: 'break-glass', by: { person: step.person, agent: null }, ...voice, overdue: null, review_ms: 50, now });
      }
      case 'review':
        return this.run({ do: 'review', by: { person: step.person, agent: null }, links: this.links, verdict: 'justified', comment: '' });
      case 'link':
        this.links.set(...further[step.which]!);
        return;
      case 'delegate':
        this.delegations.push({ from: step.from, groups: people[step.from]!, to: step.to, expires_ms: now + step.ms });
        return;
      case 'urge':
        return this.run({ do: 'urge', most: 2, now });
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

  /** What kinds of histories were met. */
  reached(): string[] {
    const { state } = this;
    if (state.status === 'none' || state.decided_by.length === 0 || state.glass !== null || !this.events.some(({ event }) => event.type === 'approval.request.granted')) return [];
    return [
      ...(this.terms.groups === undefined ? [] : ['granted to groups']),
      ...(state.votes.some((vote) => vote.for !== null) ? ['granted with a delegated right'] : []),
      ...(state.escalated ? ['granted by those who were asked later'] : []),
      ...(this.links.size > 0 ? ['granted among linked names'] : []),
      ...(state.decided_by.some((name) => this.isAsking(name)) ? ['granted by whoever asked'] : []),
    ];
  }

  alive(named: { instance: string; epoch: string }): boolean {
    return String(this.epochs[Number(named.instance.slice(1))]) === named.epoch;
  }

  private evidence() {
    const named = this.state.status === 'none' ? null : this.state.dispatcher;
    return { ended: named !== null && !this.alive(named), dispatched: this.dispatched !== undefined, searched: 1 };
  }

  /** Whether this is one of those who asked, as far as is known now. */
  private isAsking(name: string): boolean {
    return ['alice', 'olaf', 'planner'].includes(personOf(name, this.links));
  }

  /** Whether this is one of those who asked, and the terms let them confirm. */
  private mayConfirm(name: string): boolean {
    return this.terms.requester_confirms === true && ['alice', 'olaf'].includes(personOf(name, this.links));
  }

  /** Said another way than the code does: can votes be picked that no person and no right has a part in twice, each of somebody who may decide, that fill every place? */
  private isEnough(): boolean {
    const votes = this.events
      .map(({ event }) => event)
      .filter((event) => event.type === 'approval.vote.cast')
      .filter(({ data }) => data.verdict === 'approve')
      .map(({ data: { by, for: of, via, fresh } }) => {
        const names = [by, of ?? by];
        const own = names.some((name) => this.mayConfirm(name));
        // Alice and Olaf are one person where they may confirm at all.
        const keys = names.map((name) => (this.mayConfirm(name) ? 'whoever asked' : personOf(name, this.links)));
        return { keys, right: of ?? by, counts: own ? of === null && (fresh || via === 'api') : !names.some((name) => this.isAsking(name)) };
      });
    const escalated = this.events.some(({ event }) => event.type === 'approval.request.escalated');
    const standsIn = (groups: readonly string[]) => escalated && groups.some((group) => this.terms.escalate?.groups.includes(group));
    const mayDecide = (name: string) => {
      const groups = people[name]!;
      const named = (this.terms.approvers ?? []).every(
        (some) => (some.people ?? []).some((listed) => personOf(listed, this.links) === personOf(name, this.links)) || (some.groups ?? []).some((group) => groups.includes(group)),
      );
      return named || standsIn(groups);
    };
    const places = (this.terms.groups ?? []).flatMap(({ group, quorum }) => Array.from({ length: quorum }, () => group));
    while (places.length < this.terms.quorum) places.push('*');
    const fill = (place: number, used: ReadonlySet<string>): boolean =>
      place === places.length ||
      votes.some(({ keys, right, counts }) => {
        if (!counts || keys.some((key) => used.has(key)) || !mayDecide(right)) return false;
        const groups = people[right]!;
        const fits = places[place] === '*' || groups.includes(places[place]!) || standsIn(groups);
        return fits && fill(place + 1, new Set([...used, ...keys]));
      });
    return fill(0, new Set());
  }

  /** The promises, against the truth at the moment of the event. */
  private check(event: RequestEvent): void {
    const count = (type: string) => this.events.filter((earlier) => earlier.event.type === type).length;
    const decisions = count('approval.request.denied') + count('approval.request.expired') + count('approval.request.cancelled');
    if (event.type !== 'approval.review.completed' && event.type !== 'approval.request.reminded') expect(count('approval.request.closed')).toBe(0);
    switch (event.type) {
      case 'approval.request.opened':
        expect(this.events).toHaveLength(0);
        return;
      case 'approval.vote.cast':
        expect(this.now).toBeLessThan(start + lifetime);
        expect(decisions + count('approval.request.granted')).toBe(0);
        if (this.isAsking(event.data.by)) {
          expect(this.mayConfirm(event.data.by)).toBe(true);
          if (event.data.verdict === 'approve') expect(event.data.fresh || event.data.via === 'api').toBe(true);
        }
        expect(this.speaker).not.toBe('claude');
        if (event.data.for !== null) expect(this.delegations).toContainEqual(expect.objectContaining({ from: event.data.for }));
        if (event.data.verdict === 'approve' && this.terms.fresh_login === true) expect(event.data.fresh).toBe(true);
        return;
      case 'approval.request.granted': {
        expect(this.now).toBeLessThan(start + lifetime);
        expect(decisions + count('approval.request.granted')).toBe(0);
        const people = new Set(event.data.by.map((by: string) => personOf(by, this.links)));
        expect(people.size).toBe(event.data.by.length);
        if (this.terms.requester_confirms !== true) expect(event.data.by.filter((by: string) => this.isAsking(by))).toEqual([]);
        if (count('approval.glass.broken') > 0) expect(people.size).toBe(1);
        else expect(this.isEnough()).toBe(true);
        return;
      }
      case 'approval.glass.broken':
        expect(count('approval.glass.broken')).toBe(0);
        expect(this.isAsking(event.data.by)).toBe(false);
        expect(this.terms.break_glass?.groups.some((group) => people[event.data.by]!.includes(group))).toBe(true);
        if (this.terms.fresh_login === true) expect(event.data.fresh).toBe(true);
        return;
      case 'approval.review.completed': {
        expect(count('approval.review.completed')).toBe(0);
        const broken = this.events.find(({ event: earlier }) => earlier.type === 'approval.glass.broken')!.event.data as { by: string };
        expect(personOf(event.data.by, this.links)).not.toBe(personOf(broken.by, this.links));
        expect(this.isAsking(event.data.by)).toBe(false);
        return;
      }
      case 'approval.request.escalated':
        expect(count('approval.request.escalated')).toBe(0);
        expect(this.now).toBeGreaterThanOrEqual(start + 40);
        return;
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
      case 'approval.request.closed':
        return;
    }
  }
}

describe('over random histories', () => {
  it('nothing is granted without enough distinct people who may decide, decided twice, run by two, or done after the expiry', () => {
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(terms, fc.integer({ min: 0, max: lifetime / 2 }), fc.array(steps, { minLength: 5, maxLength: 60, size: 'max' }), (wanted, age, history) => {
        const world = new World(wanted);
        world.now += age;
        for (const step of history) world.apply(step);
        for (const { event } of world.events) reached.set(event.type, (reached.get(event.type) ?? 0) + 1);
        for (const what of world.reached()) reached.set(what, (reached.get(what) ?? 0) + 1);
        if (world.dispatched) reached.set('dispatched', (reached.get('dispatched') ?? 0) + 1);
      }),
      { numRuns: 2_000 },
    );
    // A property over histories in which nothing happens proves nothing.
    for (const type of [
      'approval.request.granted',
      'approval.request.denied',
      'approval.request.expired',
      'approval.request.cancelled',
      'approval.dispatcher.named',
      'approval.glass.broken',
      'approval.review.completed',
      'approval.request.escalated',
      'approval.request.reminded',
      'dispatched',
      'granted to groups',
      'granted with a delegated right',
      'granted by those who were asked later',
      'granted among linked names',
      'granted by whoever asked',
    ]) {
      expect({ type, often: (reached.get(type) ?? 0) > 10 }).toEqual({ type, often: true });
    }
  });
});
