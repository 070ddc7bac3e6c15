import { cautious } from '@customhouse/policy-engine/annotations';
import type { ServerResponse } from 'node:http';
import { hash } from 'node:crypto';
import type { Sealed } from '@customhouse/events/envelope';
import type { Kept } from '@customhouse/event-log/event-writer';
import { LogIndeterminate, LogRefused, type NewEvent, type RecordedEvent } from '@customhouse/event-log/sink';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Sealer } from '@customhouse/sealing/sealer';
import type { Asked } from '../../src/mcp/asked.js';
import { Call } from '../../src/mcp/call.js';
import { callerOf, type Caller } from '../../src/mcp/caller.js';
import type { Exchange } from '../../src/mcp/http/exchange.js';
import type { OutcomeSink } from '../../src/mcp/record.js';
import type { Session } from '../../src/mcp/sessions/sessions.js';
import type { ServedTool } from '../../src/state/catalog.js';

/** A writer that keeps what it is given, and fails when it is told to. */
export class FakeSink implements OutcomeSink {
  readonly instance = 'ingress-test';
  epoch = '1';
  writable = true;
  readonly events: NewEvent[] = [];
  /** What happens to the next appends, then all is well again. */
  readonly failures: ('refused' | 'indeterminate')[] = [];
  /** Set: appends wait for it. */
  hold: Promise<void> | undefined;

  async append(event: NewEvent): Promise<RecordedEvent> {
    await this.hold;
    const failure = this.failures.shift();
    if (failure === 'refused') throw new LogRefused('the log is away');
    if (failure === 'indeterminate') throw new LogIndeterminate('no answer');
    this.events.push(event);
    return { id: event.id ?? 'E', position: { topic: event.declaration.topic, partition: 0, offset: this.events.length - 1 }, sequence: this.events.length };
  }

  async appendOrSpool(event: NewEvent): Promise<Kept> {
    return { where: 'log', recorded: await this.append(event) };
  }

  appendAll(events: readonly NewEvent[]): Promise<RecordedEvent[]> {
    return Promise.all(events.map((event) => this.append(event)));
  }

  remove(): Promise<void> {
    return Promise.reject(new Error('not used here'));
  }

  appendRaw(): Promise<never> {
    return Promise.reject(new Error('not used here'));
  }

  get types(): string[] {
    return this.events.map((event) => event.declaration.type);
  }
}

/** What everybody may do. */
export const nothingStopped = { ofCaller: () => undefined, ofTarget: () => undefined };

/** "Seals" in clear, so that a test can read what was sealed. */
export const fakeSealer: Sealer = {
  subjectOf: (tenant, person) => `${tenant}/${person}`,
  keyFor: (subject) => ({ id: 'K', subject }),
  seal: (key, plaintext): Sealed => ({ key: key.id, data: plaintext, digest: digestOf(plaintext), bytes: plaintext.length }),
  open: (sealed) => Promise.resolve(sealed.data),
  digest: digestOf,
};

function digestOf(text: string): string {
  return hash('sha256', text, 'base64url');
}

export const ada: Caller = callerOf({ tenant: 'default', agent: 'robot', person: 'ada@example.com', groups: ['staff'], credential: { kind: 'key', id: 'k1' } });

export const session: Session = { id: '01JSESSION', protocol: '2025-11-25', client: { name: 'test', version: '1' }, capabilities: {}, server: null, toolset: null, opened: 0 };

export const echoTool: ServedTool = {
  server: 'files',
  tool: 'echo',
  exposed: 'files__echo',
  definition: 'D1',
  labels: ['read-only'],
  annotations: cautious,
  generation: 3,
  described: { name: 'echo' },
  place: 'files 00000000 echo',
};

export function call(changes: { asked?: Partial<Asked>; session?: Session; caller?: Caller; exchange?: Exchange; tool?: ServedTool | undefined } = {}): Call {
  const asked: Asked = {
    requestId: 1,
    method: 'tools/call',
    name: 'files__echo',
    arguments: { message: 'hi' },
    progressToken: undefined,
    traceparent: undefined,
    ...changes.asked,
  };
  const made = new Call('01JCALL', asked, changes.caller ?? ada, changes.session ?? session, { address: '127.0.0.1', forwarded: [] }, changes.exchange, 1_700_000_000_000);
  const tool = 'tool' in changes ? changes.tool : echoTool;
  made.served = tool;
  made.server = tool?.server ?? '';
  made.target = tool?.tool ?? '';
  made.argumentsText = JSON.stringify(asked.arguments);
  made.arguments = fakeSealer.seal({ id: 'K', subject: 's' }, made.argumentsText);
  made.decision = { effect: 'allow', rules: [{ id: 'r', effect: 'allow', reason: 'because' }], obligations: {}, policy: { number: 1, digest: 'P' } };
  made.due = performance.now() + 10_000;
  return made;
}

/** The part of a ServerResponse that an exchange uses, with what was written. */
export class FakeResponse {
  statusCode = 200;
  readonly headers = new Map<string, string>();
  readonly written: string[] = [];
  headersSent = false;
  writableFinished = false;
  writableLength = 0;
  readonly #listeners = new Map<string, (() => void)[]>();

  once(event: string, listener: () => void): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  emit(event: string): void {
    for (const listener of this.#listeners.get(event) ?? []) listener();
  }

  setHeader(name: string, value: string): void {
    this.headers.set(name, value);
  }

  writeHead(status: number, headers: Record<string, string>): this {
    this.statusCode = status;
    for (const [name, value] of Object.entries(headers)) this.headers.set(name, value);
    this.headersSent = true;
    return this;
  }

  flushHeaders(): void {
    this.headersSent = true;
  }

  write(text: string): boolean {
    this.written.push(text);
    return true;
  }

  end(text?: string): void {
    if (text) this.written.push(text);
    this.headersSent = true;
    this.writableFinished = true;
    this.emit('finish');
    this.emit('close');
  }

  /** The client's end of the connection breaks. */
  break(): void {
    this.emit('close');
  }

  get asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  /** The messages that were sent, whichever way. */
  get messages(): JsonObject[] {
    const text = this.written.join('');
    if (this.headers.get('content-type') !== 'text/event-stream') return text === '' ? [] : [JSON.parse(text) as JsonObject];
    return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as JsonObject);
  }
}
