import { describe, expect, it } from '@jest/globals';
import type { ApprovalTerms } from '@customhouse/policy-contract/approve';
import { asksMore } from './terms.js';

const then: ApprovalTerms = {
  quorum: 2,
  expires_s: 3600,
  approvers: [{ people: ['bob', 'carol'], groups: ['finance'] }],
  groups: [{ group: 'finance', quorum: 1 }],
  fresh_login: true,
};

describe('terms that a policy asks for now, of a call that was approved on others', () => {
  it.each<[string, ApprovalTerms | undefined, ApprovalTerms | undefined]>([
    ['are the same', then, then],
    ['are none: the call would be allowed', undefined, then],
    ['ask for fewer people', { ...then, quorum: 1 }, then],
    ['ask for no fresh login', { ...then, fresh_login: false }, then],
    ['let the person who asked confirm', { ...then, requester_confirms: true }, then],
    ['let the person who asked confirm, as before', { ...then, requester_confirms: true }, { ...then, requester_confirms: true }],
    ['ask for no group', { ...then, groups: undefined }, then],
    ['let everybody decide', { ...then, approvers: undefined }, then],
    ['let more people decide', { ...then, approvers: [{ people: ['bob', 'carol', 'dave'], groups: ['finance', 'board'] }] }, then],
    ['let those decide whom one of several rules named', then, { ...then, approvers: [{ groups: ['chess'] }, { people: ['bob'] }] }],
    ['differ in times, escalation and break-glass', { ...then, expires_s: 60, remind_s: 5, escalate: { after_s: 9, groups: ['board'] }, break_glass: { groups: ['x'] } }, then],
  ])('ask no more when they %s', (_, now, before) => {
    expect(asksMore(now, before)).toBe(false);
  });

  it.each<[string, ApprovalTerms, ApprovalTerms | undefined]>([
    ['more people', { ...then, quorum: 3 }, then],
    ['a fresh login', then, { ...then, fresh_login: undefined }],
    ['four eyes, where the person who asked could confirm', then, { ...then, requester_confirms: true }],
    ['four eyes in so many words', { ...then, requester_confirms: false }, { ...then, requester_confirms: true }],
    ['more of a group', { ...then, groups: [{ group: 'finance', quorum: 2 }] }, then],
    ['another group', { ...then, groups: [{ group: 'security', quorum: 1 }] }, then],
    ['some people, where it was everybody', then, { ...then, approvers: undefined }],
    ['fewer people', { ...then, approvers: [{ people: ['bob'], groups: ['finance'] }] }, then],
    ['no group, where members of one could decide', { ...then, approvers: [{ people: ['bob', 'carol'] }] }, then],
    ['people of a second rule', { ...then, approvers: [...then.approvers!, { groups: ['board'] }] }, then],
    ['anything, where nothing is known', then, undefined],
  ])('ask more when they ask for %s', (_, now, before) => {
    expect(asksMore(now, before)).toBe(true);
  });
});
