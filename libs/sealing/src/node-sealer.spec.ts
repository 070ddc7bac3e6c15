import { describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { LogRefused, type EventSink, type NewEvent } from '@customhouse/event-log/sink';
import { KeyEncryptionKey, type WrappedKey } from './key-encryption-key.js';
import { createSealer, type SealerOptions } from './node-sealer.js';
import { KeyDestroyed, KeyForeign, SealBroken, type DataKey, type Sealer } from './sealer.js';

const secret = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

/** The state topic as an array, which every sealer made of it publishes to and can catch up with. */
class KeyTopic {
  readonly records: [stateKey: string, data: WrappedKey | null][] = [];
  fails: Error | undefined;
  appends = 0;

  readonly sink: Pick<EventSink, 'append'> = {
    append: async (event: NewEvent) => {
      this.appends += 1;
      await new Promise(setImmediate);
      if (this.fails) throw this.fails;
      this.records.push([event.key, event.data as WrappedKey]);
      return { id: 'E', position: { topic: 'customhouse.state.keys', partition: 0, offset: this.records.length - 1 }, sequence: undefined };
    },
  };

  sealer(options: Partial<SealerOptions> = {}) {
    let read = 0;
    const catchUp = async () => {
      while (read < this.records.length) sealer.apply(...this.records[read++]!);
    };
    const sealer = createSealer({ kek: new KeyEncryptionKey(secret), sink: this.sink, catchUp, ...options });
    return Object.assign(sealer, { catchUp });
  }

  erase(subject: string): void {
    for (const [key] of [...this.records]) if (key.startsWith(`${subject}/`)) this.records.push([key, null]);
  }
}

async function sealed(sealer: Sealer, text: string, subject = 'S1') {
  return sealer.seal(await sealer.keyFor(subject), text);
}

describe('sealing', () => {
  it('gives back any text that was sealed', async () => {
    const sealer = new KeyTopic().sealer();
    const key = await sealer.keyFor('S1');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.constantFrom(1, 500), async (text, times) => {
        const long = text.repeat(times);
        expect(await sealer.open(sealer.seal(key, long))).toBe(long);
      }),
    );
  });

  it('says how long the text was, which key holds it, and its digest', async () => {
    const sealer = new KeyTopic().sealer();
    const key = await sealer.keyFor('S1');
    const result = sealer.seal(key, '"é"');
    expect(result).toEqual({ key: key.id, data: expect.stringMatching(/^[A-Za-z0-9_-]+$/), digest: sealer.digest('"é"'), bytes: 4 });
    expect(Buffer.from(result.data, 'base64url')).toHaveLength(12 + 4 + 16);
  });

  it('never seals twice alike, while the digests agree', async () => {
    const sealer = new KeyTopic().sealer();
    const results = await Promise.all(Array.from({ length: 1500 }, () => sealed(sealer, '"x"')));
    expect(new Set(results.map((result) => result.data.slice(0, 16))).size).toBe(1500);
    expect(new Set(results.map((result) => result.digest)).size).toBe(1);
  });

  it('shows nothing of the text', async () => {
    const sealer = new KeyTopic().sealer();
    const result = await sealed(sealer, JSON.stringify({ password: 'hunter2hunter2' }));
    expect(Buffer.from(result.data, 'base64url').toString('latin1')).not.toContain('hunter2');
  });

  it('opens what an earlier version sealed', async () => {
    const topic = new KeyTopic();
    topic.records.push([
      'S1/01M81NF440EWMBWKJ5Y45KKQPN',
      {
        id: '01M81NF440EWMBWKJ5Y45KKQPN',
        subject: 'S1',
        kek: '5IPwsdBI9YwU',
        wrapped: 'O-sH35A3PP5LGLFL6A1dLHzANg9Gqea1xcqic_449guiy-qsCfBBG_rWsjlHWZx9YLyofIav5I1WXvxS',
        created: '2026-11-22T13:00:00.000Z',
      },
    ]);
    expect(
      await topic
        .sealer()
        .open({ key: '01M81NF440EWMBWKJ5Y45KKQPN', data: '7OnrOXu6ix4f4vu6QJHlkyu_Y1HIpTvOarE6AF5lsAnE0yQ', digest: '3lXADuHNCXXEEuxrF6kDs_cTkYo-TqFwqeSgrcKUbuY', bytes: 7 }),
    ).toBe('{"a":1}');
  });

  it('refuses a data key that it did not make', () => {
    expect(() => new KeyTopic().sealer().seal({ id: 'K', subject: 'S' }, 'x')).toThrow('a data key comes from keyFor');
  });

  it('has pseudonyms that keep tenant and person apart', () => {
    const sealer = new KeyTopic().sealer();
    expect(sealer.subjectOf('a', 'b')).toBe(sealer.subjectOf('a', 'b'));
    expect(sealer.subjectOf('a","b', 'c')).not.toBe(sealer.subjectOf('a', 'b","c'));
    expect(sealer.subjectOf('default', 'ann')).not.toContain('ann');
  });
});

describe('opening', () => {
  it.each([
    ['the nonce', 3],
    ['the text', 14],
    ['the tag', -1],
  ])('notices a changed bit in %s', async (_, at) => {
    const sealer = new KeyTopic().sealer();
    const result = await sealed(sealer, '{"amount":100}');
    const bytes = Buffer.from(result.data, 'base64url');
    bytes[at < 0 ? bytes.length + at : at]! ^= 1;
    await expect(sealer.open({ ...result, data: bytes.toString('base64url') })).rejects.toThrow(SealBroken);
  });

  it('notices a text that was moved under another key of the same subject', async () => {
    let now = 1_795_352_400_000;
    const sealer = new KeyTopic().sealer({ now: () => now, rotation_ms: 1000 });
    const first = await sealed(sealer, '"x"');
    now += 1000;
    const second = await sealed(sealer, '"x"');
    expect(second.key).not.toBe(first.key);
    await expect(sealer.open({ ...first, key: second.key })).rejects.toThrow(SealBroken);
  });

  it.each([
    ['an empty text', { data: '' }],
    ['a cut text', { data: 'AAAA' }],
    ['another length', { bytes: 4 }],
    ['a digest of another text', { digest: createHmac('sha256', 'x').digest('base64url') }],
  ])('notices %s', async (_, change) => {
    const sealer = new KeyTopic().sealer();
    await expect(sealer.open({ ...(await sealed(sealer, '"x"')), ...change })).rejects.toThrow(SealBroken);
  });

  it('tells nothing of the text or of keys in its errors', async () => {
    const sealer = new KeyTopic().sealer();
    const result = await sealed(sealer, '"hunter2hunter2"');
    const error = await sealer.open({ ...result, digest: 'x' }).catch((reason: unknown) => reason);
    const shown = inspect(error, { depth: 9, showHidden: true });
    expect(shown).not.toContain('hunter2');
    expect(shown).not.toContain(secret.toString('hex').slice(0, 16));
    expect(shown).not.toContain(result.data);
  });

  it('works in another process of the installation, which learns the key from the log', async () => {
    const topic = new KeyTopic();
    const result = await sealed(topic.sealer(), '"x"');
    expect(await topic.sealer().open(result)).toBe('"x"');
  });

  it('says that the key file is wrong in an installation with another one', async () => {
    const topic = new KeyTopic();
    const result = await sealed(topic.sealer(), '"x"');
    const stranger = topic.sealer({ kek: new KeyEncryptionKey(randomBytes(32)) });
    await expect(stranger.open(result)).rejects.toThrow(KeyForeign);
    await expect(stranger.keyFor('S1')).rejects.toThrow('CUSTOMHOUSE_SEALING_KEY_FILE');
  });

  it('is over for ever when the subject was erased, here and in a process that starts later', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer();
    const result = await sealed(sealer, '"x"');
    topic.erase('S1');
    await sealer.catchUp();
    await expect(sealer.open(result)).rejects.toThrow(KeyDestroyed);
    await expect(topic.sealer().open(result)).rejects.toThrow(KeyDestroyed);
  });

  it('is over too when compaction has removed both the key and its tombstone', async () => {
    const result = await sealed(new KeyTopic().sealer(), '"x"');
    await expect(new KeyTopic().sealer().open(result)).rejects.toThrow(KeyDestroyed);
  });

  it('does not call a key destroyed when the log could not be asked', async () => {
    const result = await sealed(new KeyTopic().sealer(), '"x"');
    const blind = new KeyTopic().sealer({ catchUp: () => Promise.reject(new Error('the log does not answer')) });
    await expect(blind.open(result)).rejects.toThrow('the log does not answer');
  });
});

describe('the data key of a subject', () => {
  it('is published before its first use, wrapped, under the subject and its id', async () => {
    const topic = new KeyTopic();
    const key = await topic.sealer({ now: () => 1_795_352_400_000 }).keyFor('S1');
    expect(topic.records).toEqual([
      [`S1/${key.id}`, { id: key.id, subject: 'S1', kek: new KeyEncryptionKey(secret).id, wrapped: expect.stringMatching(/^[\w-]{80}$/), created: '2026-11-22T13:00:00.000Z' }],
    ]);
  });

  it('is at hand at once from the second time on', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer();
    const first = sealer.keyFor('S1');
    expect(first).toBeInstanceOf(Promise);
    expect(sealer.keyFor('S1')).toBeInstanceOf(Promise);
    expect(sealer.keyFor('S1')).toBeInstanceOf(Promise);
    const key = await first;
    expect(sealer.keyFor('S1')).toBe(key);
    expect(topic.appends).toBe(1);
  });

  it('is one, when many ask for the first time at once', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer();
    const keys = await Promise.all(Array.from({ length: 20 }, async () => sealer.keyFor('S1')));
    expect(new Set(keys).size).toBe(1);
    expect(topic.appends).toBe(1);
  });

  it('is used again after a restart', async () => {
    const topic = new KeyTopic();
    const before = await topic.sealer().keyFor('S1');
    const restarted = topic.sealer();
    await restarted.catchUp();
    const after = restarted.keyFor('S1') as DataKey;
    expect(after.id).toBe(before.id);
    expect(await topic.sealer().open(restarted.seal(after, '"y"'))).toBe('"y"');
    expect(topic.appends).toBe(1);
  });

  it('is not had when the log refuses it, and the next caller tries again', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer();
    topic.fails = new LogRefused('the log does not answer');
    const attempts = await Promise.allSettled([sealer.keyFor('S1'), sealer.keyFor('S1')]);
    expect(attempts.map((attempt) => attempt.status)).toEqual(['rejected', 'rejected']);
    topic.fails = undefined;
    await expect(sealer.keyFor('S1')).resolves.toMatchObject({ subject: 'S1' });
  });

  it('gives way to a new one when its age has passed the limit, and stays to open what it sealed', async () => {
    const topic = new KeyTopic();
    let now = 1_795_352_400_000;
    const sealer = topic.sealer({ now: () => now, rotation_ms: 86_400_000 });
    const old = await sealer.keyFor('S1');
    const result = sealer.seal(old, '"x"');
    now += 86_399_999;
    expect(sealer.keyFor('S1')).toBe(old);
    now += 1;
    const young = await sealer.keyFor('S1');
    expect(young.id).not.toBe(old.id);
    expect(sealer.keyFor('S1')).toBe(young);
    expect(await sealer.open(result)).toBe('"x"');
  });

  it('gives way to a new one when it has sealed as often as a key may', async () => {
    const sealer = new KeyTopic().sealer({ max_seals: 3 });
    const first = await sealer.keyFor('S1');
    for (let index = 0; index < 3; index += 1) expect(sealer.seal(sealer.keyFor('S1') as DataKey, '1').key).toBe(first.id);
    expect((await sealer.keyFor('S1')).id).not.toBe(first.id);
  });

  it('is a new one after an erasure, and what was sealed between the erasure and its arrival stays closed', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer();
    const old = await sealer.keyFor('S1');
    topic.erase('S1');
    await sealer.catchUp();
    const late = sealer.seal(old, '"the outcome of a call under way"');
    await expect(sealer.open(late)).rejects.toThrow(KeyDestroyed);
    const young = await sealer.keyFor('S1');
    expect(young.id).not.toBe(old.id);
    expect(await sealer.open(sealer.seal(young, '"x"'))).toBe('"x"');
  });

  it('leaves the memory when others are used more recently, and is unwrapped again when needed', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer({ max_cached: 2 });
    const first = await sealer.keyFor('S1');
    const second = await sealer.keyFor('S2');
    expect(sealer.keyFor('S1')).toBe(first);
    await sealer.keyFor('S3');
    expect(sealer.keyFor('S1')).toBe(first);
    const again = sealer.keyFor('S2') as DataKey;
    expect(again).not.toBe(second);
    expect(again.id).toBe(second.id);
    expect(topic.appends).toBe(3);
  });

  it('was changed in the log: nobody seals with it', async () => {
    const topic = new KeyTopic();
    await topic.sealer().keyFor('S1');
    const [stateKey, data] = topic.records[0]!;
    const sealer = topic.sealer();
    sealer.apply(stateKey, { ...data!, wrapped: data!.wrapped.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')) });
    await expect(sealer.keyFor('S1')).rejects.toThrow(SealBroken);
  });

  it('does not show itself when it is logged', async () => {
    const topic = new KeyTopic();
    const sealer = topic.sealer();
    const key = await sealer.keyFor('S1');
    expect(JSON.parse(JSON.stringify(key))).toEqual({ id: key.id, subject: 'S1' });
    for (const shown of [inspect(key, { depth: 9, showHidden: true }), inspect(sealer, { depth: 9, showHidden: true })]) {
      expect(shown).not.toContain(secret.toString('hex').slice(0, 16));
      expect(shown).not.toContain('SecretKeyObject');
    }
  });
});
