import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { PositionGone, type EventLog, type FollowedBatch, type FollowOptions } from '@customhouse/event-log/port';
import { ada, call, FakeResponse, fakeSealer, nothingStopped, session } from '../../../test/support/fakes.js';
import { Resumptions } from './resumptions.js';
import { StandingStreams } from './standing-streams.js';

const key = randomBytes(32);
const topic = 'customhouse.calls';

/** A log whose reading the test decides. */
function logThat(follow: (options: FollowOptions) => AsyncIterable<FollowedBatch>): { log: EventLog; asked: FollowOptions[] } {
  const asked: FollowOptions[] = [];
  const log = {
    ends: () =>
      Promise.resolve(
        new Map([
          [`${topic}:0`, 50],
          [`${topic}:3`, 60],
        ]),
      ),
    follow: (options: FollowOptions) => {
      asked.push(options);
      return follow(options);
    },
  };
  return { log: log as unknown as EventLog, asked };
}

function resumptions(log: EventLog, limit = 10): { made: Resumptions; streams: StandingStreams } {
  const streams = new StandingStreams({ streamsPerPrincipal: 2, keepAlive_ms: 1_000 }, nothingStopped);
  return { made: new Resumptions({ log, sealer: fakeSealer, streams, key, limit, keepAlive_ms: 1_000, logger: pino({ level: 'silent' }) }), streams };
}

/** Ends when the reader goes. */
async function* nothing({ signal }: FollowOptions): AsyncIterable<FollowedBatch> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}

async function* failing(error: Error): AsyncIterable<FollowedBatch> {
  throw error;
}

function recorded(): ReturnType<typeof call> {
  const made = call({ asked: { requestId: 'mine' } });
  made.intent = { id: 'E', position: { topic, partition: 3, offset: 41 }, sequence: 1 };
  return made;
}

const ended = async (response: FakeResponse): Promise<void> => {
  for (const until = performance.now() + 5_000; !response.writableFinished;) {
    if (performance.now() > until) throw new Error('the stream did not end');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

describe('an event of the stream of a call', () => {
  it('has an id of its own once the intent of the call is in the log', () => {
    const { made } = resumptions(logThat(nothing).log);
    expect(made.idFor(call())).toBeUndefined();
    const one = recorded();
    expect(made.idFor(one)).toMatch(/^[\w-]+$/);
    expect(made.idFor(one)).not.toBe(made.idFor(one));
  });
});

describe('continuing the stream of a call', () => {
  it('reads the partition of the call from behind its intent, and the others from their ends', async () => {
    const { log, asked } = logThat(nothing);
    const { made, streams } = resumptions(log);
    const response = new FakeResponse();
    expect(made.open(response.asResponse, made.idFor(recorded())!, ada, session)).toBe(true);
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect([...asked[0]!.from]).toEqual([
      [`${topic}:0`, 50],
      [`${topic}:3`, 42],
    ]);
    expect(made.size).toBe(1);
    response.break();
    expect([made.size, asked[0]!.signal.aborted]).toEqual([0, true]);
    // Its place is free again: both of the two that there are can be taken.
    streams.enter(ada);
    streams.enter(ada);
    expect(() => streams.enter(ada)).toThrow();
  });

  it('shows signs of life while the call goes on', () => {
    const { made } = resumptions(logThat(nothing).log);
    const response = new FakeResponse();
    made.open(response.asResponse, made.idFor(recorded())!, ada, session);
    made.tick(performance.now());
    made.tick(performance.now() + 2_000);
    expect(response.written).toEqual([': waiting\n\n']);
    made.close();
    expect(response.writableFinished).toBe(true);
  });

  it('says that nobody can know when the log no longer holds the call', async () => {
    const gone = new PositionGone({ topic, partition: 3, offset: 42 }, 100, 200);
    const { made } = resumptions(logThat(() => failing(gone)).log);
    const response = new FakeResponse();
    made.open(response.asResponse, made.idFor(recorded())!, ada, session);
    await ended(response);
    expect(response.messages).toMatchObject([{ id: 'mine', error: { code: -31003, data: { rule: 'outcome-unknown', call: '01JCALL' } } }]);
  });

  it('ends without an answer when the log cannot be read: the client may come back', async () => {
    const { made } = resumptions(logThat(() => failing(new Error('the log is away'))).log);
    const response = new FakeResponse();
    made.open(response.asResponse, made.idFor(recorded())!, ada, session);
    await ended(response);
    expect(response.messages).toEqual([]);
  });

  it('is not done for another session, for an id of another purpose or of nobody', () => {
    const { made } = resumptions(logThat(nothing).log);
    const response = new FakeResponse();
    expect(made.open(response.asResponse, made.idFor(recorded())!, ada, { ...session, id: '01JOTHER' })).toBe(false);
    expect(made.open(response.asResponse, 'made-up', ada, session)).toBe(false);
    expect(response.headersSent).toBe(false);
  });

  it('has limits: of all, and of one principal', () => {
    const { made } = resumptions(logThat(nothing).log, 1);
    const id = made.idFor(recorded())!;
    made.open(new FakeResponse().asResponse, id, ada, session);
    expect(() => made.open(new FakeResponse().asResponse, id, ada, session)).toThrow(expect.objectContaining({ status: 503 }));
    const { made: many } = resumptions(logThat(nothing).log, 10);
    for (let count = 0; count < 2; count += 1) many.open(new FakeResponse().asResponse, id, ada, session);
    expect(() => many.open(new FakeResponse().asResponse, id, ada, session)).toThrow(expect.objectContaining({ status: 429 }));
  });
});
