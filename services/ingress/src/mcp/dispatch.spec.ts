import { describe, expect, it } from '@jest/globals';
import type { Server } from '@customhouse/events/registry/events';
import { UpstreamFailed, type UpstreamAnswer, type UpstreamFailureReason } from '@customhouse/upstream/upstream';
import { call } from '../../test/support/fakes.js';
import { silentClient, type Errand } from '../upstreams/errand.js';
import { dispatch, type ClientLink, type Sender } from './dispatch.js';

const server: Server = { name: 'files', generation: 3, transport: { kind: 'http', url: 'http://127.0.0.1:1/' }, enabled: true };

const nobody: ClientLink = { profile: silentClient, onMessage: undefined, onRequest: undefined };

const limits = { resultBytes: 1_000, taskTimeout_ms: 60_000 };

class Sent implements Sender {
  errand: Errand | undefined;
  constructor(private readonly answer: UpstreamAnswer | Error) {}
  call(_: Server, errand: Errand): Promise<UpstreamAnswer> {
    this.errand = errand;
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }
}

describe('dispatching a call', () => {
  it('sends the recorded tool and arguments, and nothing else of the request', async () => {
    const sender = new Sent({ result: { ok: true } });
    const made = call({ asked: { progressToken: 'p', traceparent: 't' } });
    expect(await dispatch(made, server, sender, limits, nobody)).toEqual({ result: { ok: true } });
    expect(sender.errand).toMatchObject({
      params: { name: 'echo', arguments: { message: 'hi' }, _meta: { progressToken: 'p', traceparent: 't' } },
      who: made.caller.who,
      max_bytes: 1_000,
    });
  });

  it('sends members that nobody here knows, and does not let them replace what is known', async () => {
    const sender = new Sent({ result: {} });
    const extra = { future: 1, name: 'another', _meta: { theirs: 1, progressToken: 'forged' } };
    await dispatch(call({ asked: { progressToken: 'p', extra: { future: 1, _meta: { theirs: 1 } } } }), server, sender, limits, nobody);
    expect(sender.errand!.params).toEqual({ name: 'echo', arguments: { message: 'hi' }, future: 1, _meta: { theirs: 1, progressToken: 'p' } });
    await dispatch(call({ asked: { progressToken: 'p', extra } }), server, sender, limits, nobody);
    expect(sender.errand!.params).toMatchObject({ name: 'echo', _meta: { progressToken: 'p' } });
  });

  it('sends no _meta where there is nothing to say', async () => {
    const sender = new Sent({ result: {} });
    await dispatch(call(), server, sender, limits, nobody);
    expect(sender.errand!.params).toEqual({ name: 'echo', arguments: { message: 'hi' } });
  });

  it('can be cancelled from the moment it is sent', async () => {
    const sender = new Sent({ result: {} });
    const made = call();
    await dispatch(made, server, sender, limits, nobody);
    const signal = sender.errand!.onSending();
    expect(made.phase).toBe('sent');
    made.cancel();
    expect([signal.aborted, sender.errand!.isCancelled()]).toEqual([true, true]);
  });

  it.each([
    ['unreachable', 'no', { kind: 'unsent', rule: 'upstream-unavailable', reason: 'upstream-unreachable' }],
    ['spawn-failed', 'no', { kind: 'unsent', rule: 'upstream-unavailable', reason: 'upstream-spawn-failed' }],
    ['timeout', 'no', { kind: 'unsent', rule: 'upstream-unavailable', reason: 'upstream-timeout' }],
    ['overloaded', 'no', { kind: 'unsent', rule: 'too-many-calls', reason: 'upstream-overloaded' }],
    ['cancelled', 'no', { kind: 'aborted', reason: 'cancelled' }],
    ['cancelled', 'maybe', { kind: 'lost', reason: 'cancelled' }],
    ['timeout', 'maybe', { kind: 'lost', reason: 'timeout' }],
    ['closed', 'maybe', { kind: 'lost', reason: 'closed' }],
    ['malformed', 'maybe', { kind: 'lost', reason: 'malformed' }],
    ['too-large', 'maybe', { kind: 'lost', reason: 'too-large' }],
  ] as [UpstreamFailureReason, 'no' | 'maybe', object][])('%s with sent "%s" ends it as %j', async (reason, sent, expected) => {
    expect(await dispatch(call(), server, new Sent(new UpstreamFailed(reason, sent, 'why')), limits, nobody)).toMatchObject(expected);
  });

  it('is not possible when the server is gone', async () => {
    expect(await dispatch(call(), undefined, new Sent({ result: {} }), limits, nobody)).toMatchObject({ kind: 'unsent', reason: 'server-removed' });
  });

  it('does not take a fault of ours for an outcome', async () => {
    await expect(dispatch(call(), server, new Sent(new TypeError('bug')), limits, nobody)).rejects.toThrow('bug');
  });
});
