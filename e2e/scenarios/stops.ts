import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { passage, type GatewayAddress } from '../conformance/passage.js';
import type { ReplicatedGateway } from '../modes/replicas.js';
import { TruthServer } from '../peers/truth.js';

const rounds = 9;
const target = { kind: 'tool', name: 'stoppable/note' };

/** A session at one ingress process, whatever a balancer would do. */
class Caller {
  private session = '';
  private id = 0;

  constructor(readonly origin: string) {}

  async initialize(): Promise<void> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'stopwatch', version: '1' } };
    const answer = await this.post({ id: (this.id += 1), method: 'initialize', params });
    this.session = answer.headers.get('mcp-session-id')!;
    await answer.text();
    await (await this.post({ method: 'notifications/initialized' })).text();
  }

  /** Whether a call is refused because it is stopped. */
  async isStopped(): Promise<boolean> {
    const answer = await this.post({ id: (this.id += 1), method: 'tools/call', params: { name: 'stoppable__note', arguments: { text: 'again' } } });
    return (await answer.text()).includes('rule stopped');
  }

  private post(message: object): Promise<Response> {
    return fetch(`${this.origin}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(this.session !== '' && { 'mcp-session-id': this.session, 'mcp-protocol-version': '2025-11-25' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      signal: AbortSignal.timeout(60_000),
    });
  }
}

/** How long it takes from the answer of the API to the first call that is refused, at each of two ingress processes. */
export function stopTiming(gateway: () => ReplicatedGateway, address: () => GatewayAddress): void {
  it('[kill-switch-everywhere] a stop is in force at every ingress, and it is printed how soon', async () => {
    const truth = await TruthServer.start();
    try {
      await passage(address(), 'stoppable', `http://127.0.0.1:${truth.port}/mcp`);
      const callers = gateway().origins.map((origin) => new Caller(origin));
      for (const caller of callers) {
        await caller.initialize();
        await until(caller, false);
      }
      const times: number[][] = callers.map(() => []);
      for (let round = 0; round < rounds; round += 1) {
        const answered = order(address(), '/v1/policy/stops');
        const refused = await Promise.all(callers.map((caller) => until(caller, true)));
        const from = await answered;
        for (const [index, at] of refused.entries()) times[index]!.push(Math.max(0, at - from));
        await order(address(), '/v1/policy/stops/lift');
        for (const caller of callers) await until(caller, false);
      }
      for (const [index, own] of times.entries())
        process.stdout.write(`a stop, from the answer of the API to the refusal at ingress ${index + 1} of ${times.length}: ${summary(own)}\n`);
      expect(times.map((own) => own.length)).toEqual(callers.map(() => rounds));
    } finally {
      await truth.close();
    }
  }, 600_000);
}

/** Calls one after the other, with pauses in which others get the processor, until one is stopped, or is not. When that was: `performance.now()`. */
async function until(caller: Caller, stopped: boolean): Promise<number> {
  const end = performance.now() + 120_000;
  for (;;) {
    if ((await caller.isStopped()) === stopped) return performance.now();
    await pause(10);
    if (performance.now() > end) throw new Error(`the calls at ${caller.origin} are ${stopped ? 'not stopped' : 'stopped'} after two minutes`);
  }
}

/** When the API had answered: `performance.now()`. */
async function order(gateway: GatewayAddress, path: string): Promise<number> {
  const response = await fetch(`${gateway.apis.policy}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.operatorKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...target, reason: 'measured' }),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  await response.text();
  return performance.now();
}

function summary(times: readonly number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const ms = (time: number): string => `${Math.round(time)} ms`;
  return `${ms(sorted[Math.floor(sorted.length / 2)]!)} (the middle of ${sorted.length}), ${ms(sorted.at(-1)!)} (the longest)`;
}
