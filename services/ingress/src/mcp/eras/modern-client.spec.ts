import type { IncomingMessage } from 'node:http';
import { describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { FakeResponse } from '../../../test/support/fakes.js';
import { Exchange } from '../http/exchange.js';
import { Task, type TaskTerms } from '../tasks/task.js';
import { modernTask } from '../tasks/words.js';
import { ModernClient, takesTasks, type Waiting } from './modern-client.js';

const form: JsonObject = { message: 'Your name?' };
const forever = new AbortController().signal;

function exchange(): { readonly one: Exchange; readonly response: FakeResponse } {
  const response = new FakeResponse();
  return { one: new Exchange({} as IncomingMessage, response.asResponse, { json: true, stream: true }, 0), response };
}

class Desk implements Waiting {
  readonly parked: ModernClient[] = [];
  readonly forget = jest.fn();
  task: Task | undefined;
  readonly ended = jest.fn();
  park(client: ModernClient): string {
    return `state-${this.parked.push(client)}`;
  }
  handOut(approval: string, until: number): { round: string; state: string } {
    return { round: `${approval}-1`, state: `${approval} until ${until}` };
  }
  begin(client: ModernClient, of: TaskTerms): Task {
    return (this.task = new Task('T', of, client, Date.now, this.ended));
  }
}

function made(more: { capabilities?: JsonObject; logLevel?: string; answers?: JsonObject } = {}): { client: ModernClient; response: FakeResponse; desk: Desk; cancel: jest.Mock } {
  const { one, response } = exchange();
  const desk = new Desk();
  const cancel = jest.fn();
  const envelope = { client: null, capabilities: more.capabilities ?? {}, logLevel: more.logLevel };
  return { client: new ModernClient(one, 1, envelope, desk, cancel, more.answers), response, desk, cancel };
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const last = (response: FakeResponse): JsonObject => JSON.parse(response.written.at(-1)!) as JsonObject;

describe('what a client without sessions is told', () => {
  it.each([
    [undefined, 'error', 0],
    ['warning', 'info', 0],
    ['warning', 'warning', 1],
    ['info', 'emergency', 1],
    ['nonsense', 'emergency', 0],
    ['debug', 'nonsense', 0],
  ])('of a log is what it asked for: %s, %s', (logLevel, level, told) => {
    const { client, response } = made(logLevel === undefined ? {} : { logLevel });
    client.notify('notifications/message', { level, data: 'x' });
    expect(response.messages).toHaveLength(told);
  });

  it('is nothing once its request has ended with questions', async () => {
    const { client, response } = made();
    void client.ask('elicitation/create', form, forever);
    await soon();
    client.notify('notifications/progress', { progress: 1 });
    expect(response.written).toHaveLength(1);
  });
});

describe('what a client without sessions is asked', () => {
  it('ends its request, under the names of the server where it has some', async () => {
    const { client, response } = made();
    void client.ask('elicitation/create', form, forever, undefined, 'user');
    void client.ask('roots/list', {}, forever);
    await soon();
    expect(last(response)).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        resultType: 'input_required',
        inputRequests: { user: { method: 'elicitation/create', params: form }, 'question-1': { method: 'roots/list', params: {} } },
        requestState: 'state-1',
      },
    });
  });

  it('is answered by its next request, and what is left is asked again', async () => {
    const { client, desk } = made();
    const [first, second] = [client.ask('elicitation/create', form, forever), client.ask('roots/list', {}, forever)];
    await soon();
    const next = exchange();
    client.comeBack(next.one, 2, { 'question-1': { action: 'decline' } });
    expect(await first).toEqual({ result: { action: 'decline' } });
    await soon();
    expect(last(next.response)).toMatchObject({ id: 2, result: { inputRequests: { 'question-2': { method: 'roots/list' } }, requestState: 'state-2' } });
    const third = exchange();
    client.comeBack(third.one, 3, { 'question-2': { roots: [] } });
    expect(await second).toEqual({ result: { roots: [] } });
    client.finish({ result: { done: true } });
    expect(last(third.response)).toEqual({ jsonrpc: '2.0', id: 3, result: { done: true } });
    expect(desk.parked).toHaveLength(2);
  });

  it('is not asked where it has said the answer already', async () => {
    const { client, response } = made({ answers: { user: { action: 'accept' } } });
    expect(await client.ask('elicitation/create', form, forever, undefined, 'user')).toEqual({ result: { action: 'accept' } });
    await soon();
    expect(response.written).toEqual([]);
  });

  it('is taken back when nobody waits for it any more', async () => {
    const stop = new AbortController();
    const { client } = made();
    const answer = client.ask('elicitation/create', form, stop.signal);
    await soon();
    stop.abort();
    await expect(answer).rejects.toMatchObject({ reason: 'cancelled', sent: 'maybe' });
  });

  it('is refused when it is gone', async () => {
    const { client, response, cancel } = made();
    response.asResponse.emit('close');
    expect(cancel).toHaveBeenCalledTimes(1);
    await expect(client.ask('elicitation/create', form, forever)).rejects.toMatchObject({ sent: 'no' });
  });
});

describe('the end of a call whose client was asked something', () => {
  it('waits for the client to come back', async () => {
    const { client } = made();
    client.ask('elicitation/create', form, forever).catch(() => undefined);
    await soon();
    client.finish({ result: { without: 'an answer' } });
    const next = exchange();
    client.comeBack(next.one, 2, {});
    expect(last(next.response)).toEqual({ jsonrpc: '2.0', id: 2, result: { without: 'an answer' } });
  });

  it('has reached the client only with the request with which it comes back', async () => {
    const { client } = made();
    const answered = jest.fn();
    client.ask('elicitation/create', form, forever).catch(() => undefined);
    await soon();
    client.finish({ result: {} });
    client.onAnswered(answered);
    expect(answered).not.toHaveBeenCalled();
    const next = exchange();
    client.comeBack(next.one, 2, {});
    next.response.asResponse.emit('finish');
    expect(answered).toHaveBeenCalledTimes(1);
  });
});

describe('a client whose user is to visit a page', () => {
  const page = (onHandedOut = jest.fn()) => ({ url: 'https://pages.example/1', message: 'Please look.', approval: 'A', until: 7, onSaid: jest.fn(), onHandedOut });
  const url = { elicitation: { url: {} } };

  it('has its request answered with that, and a state to come back with', () => {
    const { client, response, desk } = made({ capabilities: url });
    const onHandedOut = jest.fn();
    expect(client.visit(page(onHandedOut))).toBe('left');
    expect(onHandedOut).toHaveBeenCalledWith('A-1');
    const inputRequests = { 'customhouse/confirmation': { method: 'elicitation/create', params: { mode: 'url', message: 'Please look.', url: 'https://pages.example/1' } } };
    expect(last(response)).toEqual({ jsonrpc: '2.0', id: 1, result: { resultType: 'input_required', inputRequests, requestState: 'A until 7' } });
    expect(desk.parked).toEqual([]);
  });

  it.each([
    ['declares nothing', {}],
    ['knows forms only', { elicitation: {} }],
    ['knows forms only, in so many words', { elicitation: { form: {} } }],
  ])('is not asked where it %s', (_, capabilities) => {
    const { client, response } = made({ capabilities });
    expect(client.visit(page())).toBeUndefined();
    expect(response.written).toEqual([]);
  });

  it('is not asked once it is gone, nor where its method takes no rounds', () => {
    const { client, response } = made({ capabilities: url });
    response.break();
    expect(client.visit(page())).toBeUndefined();
    const other = exchange();
    const envelope = { client: null, capabilities: url, logLevel: undefined };
    expect(new ModernClient(other.one, 1, envelope, new Desk(), jest.fn(), {}, false).visit(page())).toBeUndefined();
  });
});

describe('a call that is a task', () => {
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
  const terms = (): TaskTerms & { readonly abandon: jest.Mock } => ({ call: 'c', method: 'tools/call', position: undefined, ttl_ms: 10, poll_ms: 5, abandon: jest.fn() });
  const seen = ({ task }: Desk): JsonObject => modernTask(task!.view());

  it('is one only for a client that knows them', () => {
    const { client, response } = made();
    expect(client.becomeTask(terms())).toBe(false);
    expect(response.written).toEqual([]);
    expect([takesTasks({}), takesTasks({ extensions: [] }), takesTasks(capabilities)]).toEqual([false, false, true]);
  });

  it('shows how it is going', async () => {
    const { client, response, desk } = made({ capabilities });
    expect(client.becomeTask(terms())).toBe(true);
    expect(last(response)).toMatchObject({ result: { resultType: 'task', taskId: 'T', status: 'working', ttlMs: 10, pollIntervalMs: 5 } });
    const answer = client.ask('elicitation/create', form, forever, undefined, 'user');
    expect(seen(desk)).toMatchObject({ status: 'input_required', inputRequests: { user: { method: 'elicitation/create', params: form } } });
    client.tell({ other: { action: 'accept' }, user: { action: 'decline' } });
    expect(await answer).toEqual({ result: { action: 'decline' } });
    client.taskSays('half of it');
    expect(seen(desk)).toMatchObject({ status: 'working', statusMessage: 'half of it' });
    client.finish({ result: { content: [] } });
    expect(seen(desk)).toMatchObject({ status: 'completed', result: { resultType: 'complete', content: [] } });
    expect(desk.ended).toHaveBeenCalledTimes(1);
  });

  it.each([
    [undefined, { status: 'cancelled' }],
    [{ error: { code: 1, message: 'm' } }, { status: 'failed', error: { code: 1, message: 'm' } }],
  ])('that ended with %j is %j', (reply, expected) => {
    const { client, desk } = made({ capabilities });
    client.becomeTask(terms());
    client.finish(reply);
    expect(seen(desk)).toMatchObject(expected);
  });

  it('is not begun for a client that has gone', () => {
    const { client, response, desk } = made({ capabilities });
    response.break();
    expect(client.becomeTask(terms())).toBe(false);
    expect(desk.task).toBeUndefined();
  });
});
