import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SupervisedUpstream, type SupervisionOptions } from './supervised-upstream.js';
import { UpstreamFailed, type Upstream } from './upstream.js';

interface Fake extends Upstream {
  end(reason: string): void;
}

function fakeUpstream(): Fake {
  let end!: (reason: string) => void;
  const closed = new Promise<string>((resolve) => (end = resolve));
  const none = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  return { era: 'legacy', initialized: {}, protocol: '2025-11-25', call: none, notify: none, respond: none, onMessage() {}, closed, end, close: async () => end('closed by us') };
}

function supervise(open: SupervisionOptions['open'], more: Partial<SupervisionOptions> = {}): SupervisedUpstream {
  return new SupervisedUpstream({ open, backoff_min_ms: 40, backoff_max_ms: 100, ...more });
}

// Time stands still but where a test moves it.
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());
const pause = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a supervised upstream', () => {
  it('opens once for many callers, and only when somebody asks', async () => {
    let opens = 0;
    const supervised = supervise(async () => {
      opens += 1;
      await later(5);
      return fakeUpstream();
    });
    expect(supervised.present).toBeUndefined();
    const opening = Promise.all([supervised.connect(), supervised.connect()]);
    await pause(5);
    const [first, second] = await opening;
    expect(first).toBe(second);
    expect(await supervised.connect()).toBe(first);
    expect(opens).toBe(1);
  });

  it('refuses at once while it waits, says why and until when, and then tries again', async () => {
    let opens = 0;
    const supervised = supervise(async () => {
      opens += 1;
      if (opens < 3) throw new UpstreamFailed('closed', 'maybe', 'it fell over');
      return fakeUpstream();
    });
    expect(await caught(supervised.connect())).toMatchObject({ reason: 'closed', sent: 'no' });
    const refused = await caught(supervised.connect());
    expect(refused).toMatchObject({ reason: 'unreachable', sent: 'no', message: expect.stringMatching(/it fell over.*next attempt is in \d+ ms/) });
    expect(opens).toBe(1);
    await pause(60);
    expect(await caught(supervised.connect())).toMatchObject({ reason: 'closed' });
    await pause(110);
    expect(await supervised.connect()).toBeDefined();
    expect(opens).toBe(3);
  });

  it('opens again after the connection ended, and tells the owner', async () => {
    const made: Fake[] = [];
    const lost: string[] = [];
    const supervised = supervise(
      async () => {
        made.push(fakeUpstream());
        return made.at(-1)!;
      },
      { onLost: (reason) => lost.push(reason) },
    );
    await supervised.connect();
    made[0]!.end('the process exited with code 1');
    await pause(1);
    expect(supervised.present).toBeUndefined();
    expect(lost).toEqual(['the process exited with code 1']);
    expect(await caught(supervised.connect())).toMatchObject({ reason: 'unreachable' });
    await pause(60);
    expect(await supervised.connect()).toBe(made[1]);
  });

  it('ends with its connection, also with one that is being opened', async () => {
    const late = fakeUpstream();
    const supervised = supervise(async () => {
      await later(20);
      return late;
    });
    const opening = caught(supervised.connect());
    const closing = supervised.close();
    await pause(20);
    await closing;
    expect(await opening).toMatchObject({ reason: 'closed', sent: 'no' });
    expect(await late.closed).toBe('closed by us');
    expect(await caught(supervised.connect())).toMatchObject({ reason: 'closed', sent: 'no' });
  });
});
