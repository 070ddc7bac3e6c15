import type { LogTail, TailedEvent } from '../modes/log-tail.js';
import type { Service } from '../modes/gateway.js';
import type { ServicesGateway } from '../modes/services.js';
import { digestOf, type History } from './witnesses.js';
import type { ToolResult, World } from './world.js';

export const terminalTypes: ReadonlySet<string> = new Set(['call.refused', 'call.completed', 'call.failed', 'call.outcome.lost', 'call.aborted', 'call.denied']);
/** A client whose stream broke goes on with it for as long as it has patience; this one asks anew. */
const patience_ms = 5_000;
/** JSON-RPC error: the call was sent, and nobody can know whether it took effect. */
const outcomeUnknown = -31003;

export interface Told {
  readonly got: 'result' | 'outcome-unknown';
  readonly call?: string;
  readonly text?: string;
}

interface ShownApproval {
  readonly status: string;
  readonly terminal: string | null;
}

export interface ShownCall {
  readonly status: string;
  readonly approval: string | null;
  readonly anomalies: readonly string[];
}

/** Services that die and come back, with what happens to a call in the meantime: who waits for it, who decides about it, what the log says of it. */
export class Scene {
  /** What the clients were told, for the comparison at the end. */
  readonly history: History = [];
  private back: Promise<void> = Promise.resolve();

  constructor(
    readonly gateway: ServicesGateway,
    readonly world: World,
    readonly tail: LogTail,
    /** Keys of people who may approve, by name. */
    private readonly approvers: Readonly<Record<string, string>>,
    private readonly opener: (sealed: unknown) => string,
  ) {}

  /** SIGKILL. The service begins to start again at once, and what follows does not wait for it. */
  async strike(service: Service): Promise<void> {
    await this.gateway.kill(service);
    this.comesBack(service);
  }

  comesBack(service: Service): void {
    this.back = this.gateway.restart(service);
    // Whoever waits for it hears of a failure.
    this.back.catch(() => undefined);
  }

  /** Resolves when what was struck last is ready. */
  allThere(): Promise<void> {
    return this.back;
  }

  /** How often the upstream got the call. */
  times(marker: string): number {
    return this.world.truth.seen.filter((seen) => seen.arguments['text'] === marker).length;
  }

  /** The record of the intent of the call that carries this text. */
  intentOf(marker: string, type: 'call.held' | 'call.admitted'): Promise<TailedEvent> {
    return this.tail.until(`${type} of "${marker}"`, (event) => event.type === type && this.carries(event, marker));
  }

  /** How many intents of calls with this text the log has by now. */
  intentsOf(marker: string): number {
    return this.tail.events.filter((event) => this.carries(event, marker)).length;
  }

  /** Lets the upstream answer, until the log says how the call ended. */
  async letEnd(call: string): Promise<void> {
    await this.world.eventually(
      'the call has ended',
      async () => {
        this.world.truth.release();
        return this.terminalsOf(call).length > 0;
      },
      60_000,
    );
  }

  terminalsOf(call: string): string[] {
    return this.tail.events.filter((event) => event.data['call'] === call && terminalTypes.has(event.type)).map((event) => event.type);
  }

  /** One attempt, as of a client that never comes back. */
  async once(tool: string, marker: string): Promise<Told | undefined> {
    const entry: History[number] = { marker, got: 'unknown' };
    this.history.push(entry);
    try {
      return this.note(entry, await this.call(tool, marker, 60_000));
    } catch {
      return undefined;
    }
  }

  /** A client that repeats the identical call, over broken connections and answers that ask for patience, until it is told how the call ended. */
  async insist(tool: string, marker: string): Promise<Told> {
    const entry: History[number] = { marker, got: 'unknown' };
    this.history.push(entry);
    return this.world.eventually(
      `an answer to "${marker}"`,
      async () => {
        try {
          return this.note(entry, await this.call(tool, marker, patience_ms));
        } catch (error) {
          if ((error as { code?: unknown }).code === outcomeUnknown) return { got: 'outcome-unknown' };
          throw error;
        }
      },
      100_000,
    );
  }

  /** Approves, again and again until it is heard: the answer to a vote may get lost with the service that took it. */
  async approve(approval: string, person: string): Promise<void> {
    const vote = { verdict: 'approve', reason: 'killed, and asked again' };
    await this.world.eventually(
      `${person} has voted`,
      () => this.world.must('approval', 'POST', `/v1/approvals/${approval}/votes`, vote, this.approvers[person]).then(() => true),
      60_000,
    );
  }

  /** Waits until the approval service says that this request has come to its end. */
  async closed(approval: string): Promise<ShownApproval> {
    return this.world.eventually(
      'the request is closed',
      async () => {
        const shown = await this.world.must<ShownApproval>('approval', 'GET', `/v1/approvals/${approval}`, undefined, this.world.keys.bobApproves.presented);
        return shown.status === 'closed' && shown;
      },
      60_000,
    );
  }

  /** Waits until the audit says how the call ended. */
  async audited(call: string): Promise<ShownCall> {
    return this.world.eventually(
      'the audit knows how the call ended',
      async () => {
        const shown = await this.world.must<ShownCall>('audit', 'GET', `/v1/calls/${call}`, undefined, this.world.keys.auditor.presented);
        return !['admitted', 'held', 'dispatched', 'unknown'].includes(shown.status) && shown;
      },
      60_000,
    );
  }

  /** Waits until the ingress works on a call that it cannot record. */
  async callInFlight(): Promise<void> {
    await this.world.eventually('the ingress has the call', async () => {
      const { body } = await this.world.ask('ingress', 'GET', '/metrics');
      return Number(/^customhouse_ingress_calls_in_flight(?:\{[^}]*\})? (\d+)/m.exec(String(body))?.[1] ?? 0) > 0;
    });
  }

  private call(name: string, text: string, timeout: number): Promise<ToolResult> {
    return this.world.withClient((client) => client.callTool({ name, arguments: { text } }, { timeout }) as Promise<ToolResult>);
  }

  private carries(event: TailedEvent, marker: string): boolean {
    const text = event.data['arguments'] === undefined ? '' : this.opener(event.data['arguments']);
    return text !== '' && (JSON.parse(text) as { text?: unknown }).text === marker;
  }

  private note(entry: History[number], result: ToolResult): Told | undefined {
    const text = result.content[0]?.text ?? '';
    if (result.isError) {
      if (text.startsWith('Approval pending')) return undefined;
      throw new Error(text);
    }
    const { call } = result._meta!['customhouse/receipt'] as { call: string };
    Object.assign(entry, { got: 'result', call, content: digestOf(result.content) });
    return { got: 'result', call, text };
  }
}
