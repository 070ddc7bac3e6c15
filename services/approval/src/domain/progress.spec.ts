import { describe, expect, it } from '@jest/globals';
import { progressOf, progressText } from './progress.js';

const asked = (quorum: number, missing: number, approvers: string[], groups: { group: string; quorum: number; missing: number }[] = []) => ({
  terms: { quorum, expires_s: 60, ...(groups.length > 0 && { groups: groups.map(({ group, quorum: needed }) => ({ group, quorum: needed })) }) },
  missing: { people: missing, groups: groups.map(({ group, missing: still }) => ({ group, missing: still })) },
  approvers,
});
const finance = { group: 'finance', quorum: 2, missing: 1 };
const board = { group: 'board', quorum: 1, missing: 0 };

describe('how far a request is', () => {
  it('counts people in all and of each group that has to give some', () => {
    expect(progressOf(asked(3, 1, ['bob', 'carol'], [finance, board]))).toEqual({
      approved: 2,
      needed: 3,
      groups: [
        { group: 'finance', approved: 1, needed: 2 },
        { group: 'board', approved: 1, needed: 1 },
      ],
    });
  });

  it('counts nobody of a group that the count does not speak of', () => {
    expect(progressOf({ ...asked(1, 1, []), terms: { quorum: 1, expires_s: 60, groups: [{ group: 'finance', quorum: 2 }] } }).groups).toEqual([
      { group: 'finance', approved: 0, needed: 2 },
    ]);
  });

  it.each([
    [asked(1, 1, []), '0 of 1 person has approved'],
    [asked(2, 1, ['bob']), '1 of 2 people have approved (bob)'],
    [asked(2, 0, ['bob', 'carol', 'dave'], [finance]), '2 of 2 people have approved (bob, carol, dave); of finance 1 of 2'],
  ])('is said in words (%#)', (request, words) => expect(progressText(request)).toBe(words));
});
