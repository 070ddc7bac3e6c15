import { describe, expect, it } from '@jest/globals';
import { catalogue } from '@customhouse/events/all';
import { call, fakeSealer, FakeSink, echoTool } from '../../test/support/fakes.js';
import { Recorder, type RecordLimits } from './record.js';
import { UnfinishedBusiness } from './unfinished-business.js';

const limits: RecordLimits = { recordTimeout_ms: 2_000, callTimeout_ms: 60_000, relaxed: false, relaxedRecords: 10 };

function recorder(changes: Partial<RecordLimits> = {}): { recorder: Recorder; sink: FakeSink; unfinished: UnfinishedBusiness } {
  const sink = new FakeSink();
  const unfinished = new UnfinishedBusiness(sink, 2, () => undefined, 1);
  return { recorder: new Recorder(sink, fakeSealer, unfinished, { ...limits, ...changes }), sink, unfinished };
}

const key = { id: 'K', subject: 's' };
const lost = { kind: 'lost', reason: 'timeout', message: 'm' } as const;
/** Time for what must not happen to happen. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
async function recorded(sink: FakeSink): Promise<void> {
  while (sink.types.length === 0) await settled();
}

describe('recording', () => {
  it('writes an intent with all that the decision was made on, at the time it was made', async () => {
    const { recorder: records, sink } = recorder();
    const made = call({ asked: { traceparent: 'tp' } });
    await records.admitted(made);
    expect(sink.events[0]).toMatchObject({ key: '01JSESSION', subject: 'call-01JCALL', traceparent: 'tp', time: 1_700_000_000_000 });
    expect(sink.events[0]!.data).toEqual({
      call: '01JCALL',
      session: '01JSESSION',
      principal: made.caller.principal,
      client: { name: 'test', version: '1' },
      network: { address: '127.0.0.1' },
      method: 'tools/call',
      server: 'files',
      generation: 3,
      tool: 'echo',
      exposed: 'files__echo',
      definition: 'D1',
      labels: ['read-only'],
      arguments: made.arguments,
      findings: [],
      decision: made.decision,
      record: 'strict',
      deadline: '2023-11-14T22:14:20.000Z',
    });
    expect(made.intent).toMatchObject({ sequence: 1 });
  });

  it('writes a refusal of a tool that is not served with what is known of it', async () => {
    const { recorder: records, sink } = recorder();
    await records.refused(call({ tool: undefined }), 'unknown-tool');
    expect(sink.events[0]!.data).toMatchObject({ definition: null, labels: null, generation: 0, reason: 'unknown-tool' });
  });

  it.each([
    ['completed', { kind: 'completed', result: { isError: true }, text: '{}', findings: [] }, 'call.completed', { error: true, result: { data: '{}' }, upstream_ms: 5 }],
    [
      'a server error',
      { kind: 'error', error: { code: -1, message: 'private' }, text: '{"m"}', findings: [] },
      'call.failed',
      { reason: 'upstream-error', message: 'the server answered with the error -1' },
    ],
    [
      'not sent',
      { kind: 'unsent', rule: 'upstream-unavailable', reason: 'upstream-unreachable', message: 'why' },
      'call.failed',
      { reason: 'upstream-unreachable', message: 'why', result: null },
    ],
    ['aborted', { kind: 'aborted', reason: 'cancelled' }, 'call.aborted', { reason: 'cancelled' }],
    ['lost', lost, 'call.outcome.lost', { reason: 'timeout' }],
  ] as const)('writes the end of a call: %s', async (_, outcome, type, data) => {
    const { recorder: records, sink } = recorder();
    await records.ended(call(), outcome, key, 5);
    expect(sink.types).toEqual([type]);
    expect(sink.events[0]!.data).toMatchObject({ call: '01JCALL', ...data });
    if (type !== 'call.completed' && type !== 'call.failed')
      expect(catalogue.get(type)!.schema.safeParse({ ...(sink.events[0]!.data as object), call: '01JAAAAAAAAAAAAAAAAAAAAAAA' }).success).toBe(true);
  });

  it('refuses the call when its intent was refused, and owes the log nothing', async () => {
    const { recorder: records, sink, unfinished } = recorder();
    sink.failures.push('refused');
    await expect(records.admitted(call())).rejects.toMatchObject({ rule: 'log-unavailable' });
    await settled();
    expect([sink.types, unfinished.size]).toEqual([[], 0]);
  });

  it('refuses the call when nobody knows about its intent, and ends it in the log as soon as that works', async () => {
    const { recorder: records, sink } = recorder();
    sink.failures.push('indeterminate', 'refused', 'indeterminate');
    await expect(records.admitted(call())).rejects.toMatchObject({ rule: 'log-unavailable' });
    await recorded(sink);
    expect(sink.types).toEqual(['call.aborted']);
    expect(sink.events[0]!.data).toEqual({ call: '01JCALL', reason: 'record-indeterminate' });
  });

  it('does not end a refusal a second time', async () => {
    const { recorder: records, sink } = recorder();
    sink.failures.push('indeterminate');
    await expect(records.refused(call(), 'r')).rejects.toMatchObject({ rule: 'log-unavailable' });
    await settled();
    expect(sink.types).toEqual([]);
  });

  it('does not show an outcome that is not durable, and records it later under the same id', async () => {
    const { recorder: records, sink } = recorder();
    sink.failures.push('indeterminate', 'indeterminate');
    await expect(records.ended(call(), lost, key, 1)).rejects.toMatchObject({ rule: 'log-unavailable', message: expect.stringContaining('was made') });
    await recorded(sink);
    expect(sink.types).toEqual(['call.outcome.lost']);
    expect(sink.events[0]!.id).toMatch(/^[0-9A-Z]{26}$/);
  });

  it('refuses at once while the log refuses, or too many ends wait to be recorded', async () => {
    const { recorder: records, sink, unfinished } = recorder();
    records.mustBeWritable();
    sink.writable = false;
    expect(() => records.mustBeWritable()).toThrow(expect.objectContaining({ rule: 'log-unavailable' }));
    sink.writable = true;
    sink.hold = new Promise(() => undefined);
    records.abandon(call(), 'x');
    records.mustBeWritable();
    records.abandon(call(), 'x');
    expect(unfinished.full).toBe(true);
    expect(() => records.mustBeWritable()).toThrow(expect.objectContaining({ rule: 'log-unavailable' }));
  });

  it('waits for both records by default, also for tools that only read', async () => {
    const { recorder: records, sink } = recorder();
    let release!: () => void;
    sink.hold = new Promise((resolve) => (release = resolve));
    let admitted = false;
    const waiting = records.admitted(call()).then(() => (admitted = true));
    await settled();
    expect(admitted).toBe(false);
    release();
    await waiting;
  });

  it('does not wait where relaxed records are asked for and the tool only reads; never for other tools', async () => {
    const { recorder: records, sink } = recorder({ relaxed: true });
    sink.hold = new Promise(() => undefined);
    const reading = call();
    await records.admitted(reading);
    expect([reading.relaxed, reading.intent]).toEqual([true, undefined]);
    const writing = call({ tool: { ...echoTool, labels: [] } });
    void records.admitted(writing);
    await settled();
    expect([writing.relaxed, writing.intent]).toEqual([false, undefined]);
  });

  it('waits again when too many records are unawaited', async () => {
    const { recorder: records, sink } = recorder({ relaxed: true, relaxedRecords: 1 });
    sink.hold = new Promise(() => undefined);
    await records.admitted(call());
    const second = call();
    void records.admitted(second);
    await settled();
    expect(second.relaxed).toBe(false);
  });
});
