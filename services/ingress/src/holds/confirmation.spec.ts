import { describe, expect, it, jest } from '@jest/globals';
import { ada, call } from '../../test/support/fakes.js';
import { callerOf } from '../mcp/caller.js';
import type { Page, Visit } from '../mcp/sessions/client-side.js';
import { endVisits, isConfirmable, saidOf, sendToPage } from './confirmation.js';
import { Hold, type ApprovalState, type Waiter } from './hold.js';

const expires = '2026-11-22T13:00:00.000Z';

function held(approve: object | undefined = { quorum: 1, expires_s: 60, requester_confirms: true }, status: ApprovalState['status'] | 'not published' = 'open'): Hold {
  const decision = { effect: 'hold', rules: [], obligations: { approve }, policy: { number: 1, digest: 'd' } } as unknown as Hold['decision'];
  const hold = new Hold('A', { topic: 't', partition: 0, offset: 0 }, 'C', 'tools/call', 's', 'same', expires, decision);
  if (status !== 'not published') hold.state = { status } as ApprovalState;
  return hold;
}

/** Somebody who waits, with a client that answers like this when it is asked to visit a page. */
function waiter(visit: ((page: Page) => Visit | 'left' | undefined) | undefined, session = 's', asked: { name?: string; agent?: string } = {}): Waiter {
  const made = call({ asked: { name: asked.name ?? 'files__write' }, caller: callerOf({ ...ada.principal, agent: asked.agent ?? 'robot' }) });
  Object.assign(made, { session: { ...made.session, id: session }, client: { visit } });
  return { call: made, sent: false } as Waiter;
}

const url = 'https://desk.example/approvals/A';

describe('a held call', () => {
  it.each([
    ['its rules say so and nobody has decided', held(), true],
    ['its rules want four eyes', held({ quorum: 1, expires_s: 60 }), false],
    ['its rules say no in so many words', held({ quorum: 1, expires_s: 60, requester_confirms: false }), false],
    ['nobody can decide yet', held(undefined, 'not published'), false],
    ['it was decided', held(undefined, 'granted'), false],
  ])('is to be confirmed by whoever asked where %s: %#', (_, hold, expected) => {
    expect(isConfirmable(hold)).toBe(expected);
  });
});

describe('a client whose user may confirm', () => {
  it('is given the page, in words that nobody could have made up', () => {
    const pages: Page[] = [];
    const visit = (page: Page): undefined => void pages.push(page);
    const hold = held();
    for (const asked of [{}, { name: 'file:///\u202Etxt.exe', agent: 'Your bank: log in' }]) expect(sendToPage(hold, waiter(visit, 's', asked), url, jest.fn())).toBe('waits');
    expect(pages.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The agent robot asks for tools\/call files__write, and the rules leave it to you to confirm that, until 2026-11-22T13:00:00\.000Z\./),
      expect.stringMatching(/^An agent of yours asks for tools\/call, and the rules leave it to you/),
    ]);
    expect(pages[0]).toMatchObject({ url, approval: 'A', until: Date.parse(expires) });
    expect(hold.visits.size).toBe(0);
  });

  it('is asked once, and told once when it was decided', () => {
    const hold = held();
    const [first, second, other] = [jest.fn(), jest.fn(), jest.fn()];
    const one = waiter(() => ({ over: first }));
    expect([sendToPage(hold, one, url, jest.fn()), one.sent]).toEqual(['waits', true]);
    sendToPage(
      hold,
      waiter(() => ({ over: second })),
      url,
      jest.fn(),
    );
    sendToPage(
      hold,
      waiter(() => ({ over: other }), 'another'),
      url,
      jest.fn(),
    );
    expect([first, second, other].map((over) => over.mock.calls.length)).toEqual([1, 0, 0]);
    endVisits(hold);
    endVisits(hold);
    expect([first, second, other].map((over) => over.mock.calls.length)).toEqual([1, 1, 1]);
  });

  it('that comes back with another request leaves a state that counts once, and the oldest of a hundred makes room', () => {
    const hold = held();
    const leave = (round: string): unknown =>
      sendToPage(
        hold,
        waiter(({ onHandedOut }) => {
          onHandedOut(round);
          return 'left';
        }),
        url,
        jest.fn(),
      );
    for (let round = 0; round < 101; round += 1) expect(leave(`round-${round}`)).toBe('left');
    expect([hold.rounds.size, hold.rounds.has('round-0'), hold.rounds.has('round-1'), hold.rounds.has('round-100')]).toEqual([100, false, true, true]);
  });

  it('is one of a hundred at most that are told: the first is told at once that it need not wait', () => {
    const hold = held();
    const overs = Array.from({ length: 101 }, () => jest.fn());
    for (const [index, over] of overs.entries())
      sendToPage(
        hold,
        waiter(() => ({ over }), `s-${index}`),
        url,
        jest.fn(),
      );
    expect([hold.visits.size, ...overs.slice(0, 2).map((over) => over.mock.calls.length)]).toEqual([100, 1, 0]);
  });

  it('waits as others do where it cannot be asked', () => {
    expect(sendToPage(held(), waiter(undefined), url, jest.fn())).toBe('waits');
  });
});

describe('what a client says', () => {
  it.each(['accept', 'decline', 'cancel'])('may be %s', (action) => expect(saidOf({ action, content: {} })).toBe(action));

  it.each([undefined, null, 'accept', [], {}, { action: 'approve' }, { action: true }])('is nothing else: %j', (result) => expect(saidOf(result)).toBeUndefined());
});
