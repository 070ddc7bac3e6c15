import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import { session } from '../../../test/support/fakes.js';
import { answerIn, ClientAsks } from './client-asks.js';

const key = randomBytes(32);
const here = 'http://10.0.0.1:8400';
const there = 'http://10.0.0.2:8400';

class Heard {
  readonly answers: UpstreamAnswer[] = [];
  readonly progress: JsonObject[] = [];
  onAnswer = (answer: UpstreamAnswer): void => void this.answers.push(answer);
  onProgress = (params: JsonObject): void => void this.progress.push(params);
}

describe('a request to a client', () => {
  it('is found by its id in the process that waits for the answer', () => {
    const asks = new ClientAsks(key, here);
    const [first, second] = [new Heard(), new Heard()];
    const one = asks.wait('01JCALL', session.id, first);
    const two = asks.wait('01JCALL', session.id, second);
    expect(one.id).not.toBe(two.id);
    expect(asks.place(two.id, session)).toEqual({ at: 'here', listener: second });
    expect(asks.place(one.id, session)).toEqual({ at: 'here', listener: first });
  });

  it('is at its peer for another process, and at nobody for one that has no URL', () => {
    const { id } = new ClientAsks(key, there).wait('01JCALL', session.id, new Heard());
    expect(new ClientAsks(key, here).place(id, session)).toEqual({ at: 'peer', url: there });
    expect(new ClientAsks(key, undefined).place(id, session)).toEqual({ at: 'peer', url: there });
    const unnamed = new ClientAsks(key, undefined).wait('01JCALL', session.id, new Heard());
    expect(new ClientAsks(key, here).place(unnamed.id, session)).toEqual({ at: 'nowhere' });
  });

  it('is nowhere once nobody waits, also after a restart at the same URL', () => {
    const asks = new ClientAsks(key, here);
    const waiting = asks.wait('01JCALL', session.id, new Heard());
    expect(asks.size).toBe(1);
    waiting.forget();
    expect([asks.size, asks.place(waiting.id, session)]).toEqual([0, { at: 'nowhere' }]);
    const restarted = new ClientAsks(key, here);
    restarted.wait('01JOTHERCALL', session.id, new Heard());
    expect(restarted.place(waiting.id, session)).toEqual({ at: 'nowhere' });
  });

  it.each([['of another session', { ...session, id: '01JOTHER' }]])('%s is nobody else’s', (_, other) => {
    const asks = new ClientAsks(key, here);
    const { id } = asks.wait('01JCALL', session.id, new Heard());
    expect(asks.place(id, other)).toEqual({ at: 'nowhere' });
  });

  it.each([[undefined], [null], [7], [''], ['made up'], [Buffer.alloc(60, 1).toString('base64url')]])('is nowhere with the id %j', (id) => {
    expect(new ClientAsks(key, here).place(id, session)).toEqual({ at: 'nowhere' });
  });
});

describe('the answer in a message', () => {
  it('is its result or its error, whole', () => {
    expect(answerIn({ jsonrpc: '2.0', id: 'x', result: { a: { b: 1 } } })).toEqual({ result: { a: { b: 1 } } });
    expect(answerIn({ jsonrpc: '2.0', id: 'x', error: { code: -1, message: 'no', data: 1, more: true } })).toEqual({ error: { code: -1, message: 'no', data: 1, more: true } });
  });
});
