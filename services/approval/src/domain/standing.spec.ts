import { describe, expect, it } from '@jest/globals';
import { noLinks } from './person.js';
import { standingOf, type Seen, type Standing, type Viewer } from './standing.js';

const seen = (changes: Partial<Seen> = {}, terms: Partial<Seen['terms']> = {}): Seen => ({
  open: true,
  requester: { agent: 'claude', person: 'alice', owner: 'olaf', actors: ['planner'] },
  terms: { quorum: 2, expires_s: 60, ...terms },
  escalated: false,
  approvers: [],
  glass: null,
  ...changes,
});
const viewer = (person: string, ...groups: string[]): Viewer => ({ person, groups, delegations: [], now: 1_000 });
const nothing: Standing = { decides: false, approved: false, confirms: false, own: undefined, withdraws: false, breaksGlass: false, reviews: false };
const links = new Map([['alice@corp', 'alice']]);

describe('what somebody can do about a request', () => {
  it('is to decide, where the rules ask everybody or them', () => {
    expect(standingOf(viewer('bob'), seen(), noLinks)).toEqual({ ...nothing, decides: true });
    const board = seen({}, { approvers: [{ groups: ['board'] }] });
    expect(standingOf(viewer('bob', 'finance'), board, noLinks)).toEqual(nothing);
    expect(standingOf(viewer('bob', 'board'), board, noLinks)).toEqual({ ...nothing, decides: true });
  });

  it('is to decide once others were asked as well', () => {
    const terms = { approvers: [{ people: ['zoe'] }], escalate: { after_s: 1, groups: ['security'] } };
    expect(standingOf(viewer('bob', 'security'), seen({}, terms), noLinks).decides).toBe(false);
    expect(standingOf(viewer('bob', 'security'), seen({ escalated: true }, terms), noLinks).decides).toBe(true);
  });

  it('is to decide by what was delegated, until that expires, and never by the right of who asked', () => {
    const zoes = seen({}, { approvers: [{ people: ['zoe', 'alice'] }] });
    const given = (from: string, expires_ms: number): Viewer => ({ ...viewer('bob'), delegations: [{ from, groups: [], to: 'bob', expires_ms }] });
    expect(standingOf(given('zoe', 1_001), zoes, noLinks).decides).toBe(true);
    expect(standingOf(given('zoe', 1_000), zoes, noLinks).decides).toBe(false);
    expect(standingOf(given('alice', 1_001), zoes, noLinks).decides).toBe(false);
  });

  it.each([
    ['alice', 'alice asked for this call', true],
    ['alice@corp', 'alice@corp asked for this call', true],
    ['olaf', 'the agent claude belongs to olaf', false],
    ['planner', 'planner stands between', false],
  ])('is not to decide about a call of their own: %s', (person, words, withdraws) => {
    const glass = { by: 'bob', review: null };
    const { own, ...others } = standingOf(viewer(person, 'oncall'), seen({ glass }, { break_glass: { groups: ['oncall'] } }), links);
    expect(others).toEqual({ decides: false, approved: false, confirms: false, withdraws, breaksGlass: false, reviews: false });
    expect(own).toContain(words);
  });

  it('is to confirm it where the rules let them, and neither to break the glass nor to review', () => {
    const asked = seen({ glass: { by: 'bob', review: null } }, { requester_confirms: true, break_glass: { groups: ['oncall'] } });
    expect(standingOf(viewer('alice', 'oncall'), asked, noLinks)).toEqual({ ...nothing, decides: true, confirms: true, withdraws: true });
    expect(standingOf(viewer('planner', 'oncall'), asked, noLinks)).toMatchObject({ decides: false, confirms: false, own: expect.any(String) });
  });

  it('shows that they have approved, by whatever name', () => {
    expect(standingOf(viewer('Bob'), seen({ approvers: ['bob'] }), noLinks).approved).toBe(true);
    expect(standingOf(viewer('carol'), seen({ approvers: ['bob'] }), noLinks).approved).toBe(false);
  });

  it('is to break the glass in the groups that every rule names', () => {
    const terms = { break_glass: { groups: ['oncall'] } };
    expect(standingOf(viewer('bob', 'oncall'), seen({}, terms), noLinks).breaksGlass).toBe(true);
    expect(standingOf(viewer('bob', 'finance'), seen({}, terms), noLinks).breaksGlass).toBe(false);
    expect(standingOf(viewer('bob', 'oncall'), seen(), noLinks).breaksGlass).toBe(false);
  });

  it('is to review what somebody else let run alone, once', () => {
    const broken = (review: object | null) => seen({ open: false, glass: { by: 'bob', review } });
    expect(standingOf(viewer('carol'), broken(null), noLinks)).toEqual({ ...nothing, reviews: true });
    expect(standingOf(viewer('BOB'), broken(null), noLinks).reviews).toBe(false);
    expect(standingOf(viewer('carol'), broken({ by: 'dave' }), noLinks).reviews).toBe(false);
  });

  it('is nothing once it is decided, but for the review', () => {
    const done = seen({ open: false }, { break_glass: { groups: ['oncall'] }, requester_confirms: true });
    expect(standingOf(viewer('bob', 'oncall'), done, noLinks)).toEqual(nothing);
    expect(standingOf(viewer('alice'), done, noLinks)).toMatchObject({ decides: false, withdraws: false });
  });
});
