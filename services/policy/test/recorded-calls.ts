import { callAdmitted, callCompleted, callDispatched, callHeld, callRefused } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import { EventWriter } from '@customhouse/event-log/event-writer';
import type { NewEvent } from '@customhouse/event-log/sink';
import { canonicalise } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import type { Decision } from '@customhouse/policy-contract/decision';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { compilePolicy, type Policy } from '@customhouse/policy-engine/policy';
import { recordedInput } from '@customhouse/policy-engine/recorded-input';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { readKeyFile } from '@customhouse/sealing/key-file';
import { createSealer, type FollowingSealer } from '@customhouse/sealing/node-sealer';
import { newUlid } from '@customhouse/sealing/random';
import type { Installation } from './installation.js';

export interface Given {
  readonly agent?: string;
  readonly person?: string;
  readonly groups?: string[];
  readonly tenant?: string;
  readonly method?: GovernedMethod;
  readonly server?: string;
  readonly tool?: string;
  /** Null: nothing of the kind is served. */
  readonly labels?: readonly string[] | null;
  readonly arguments?: unknown;
  readonly findings?: readonly string[];
  readonly session?: string;
  /** Unix milliseconds. Default: now. */
  readonly time?: number;
  /** Instead of what the policy says. */
  readonly decision?: Partial<Decision>;
}

/** Records decisions on calls as an ingress does, on the log of an installation and sealed with its key. */
export class RecordedCalls {
  private constructor(
    private readonly installation: Installation,
    private readonly writer: EventWriter,
    readonly sealer: FollowingSealer,
  ) {}

  static async on(installation: Installation): Promise<RecordedCalls> {
    const writer = new EventWriter({ log: await installation.log(), service: 'ingress', instance: 'ingress-1' });
    await writer.start();
    const key = readKeyFile(installation.environment['CUSTOMHOUSE_SEALING_KEY_FILE']!, { create: false });
    return new RecordedCalls(installation, writer, createSealer({ kek: new KeyEncryptionKey(key), sink: writer, catchUp: async () => undefined }));
  }

  /** A version of the installation, as an ingress makes it ready. */
  async policy(number: number): Promise<Policy> {
    const version = await this.installation.publishedVersion(number);
    const module = (await this.installation.published()).get(`module/${version.module}`)!.data as { wasm: string };
    return compilePolicy(version, Buffer.from(module.wasm, 'base64'));
  }

  /** Decides and records. Answers the ids of the calls. */
  async record(policy: Policy, all: readonly Given[]): Promise<string[]> {
    return Promise.all(
      all.map(async (given) => {
        const event = await this.intent(policy, given);
        await this.writer.append(event, { timeout_ms: 60_000 });
        return (event.data as { call: string }).call;
      }),
    );
  }

  /** A held call was approved, and is sent. */
  async sent(call: string, session: string, time = Date.now()): Promise<void> {
    const data = { call, approval: newUlid(), binding: 'binding', deadline: timestamp(time + 30_000) };
    await this.writer.append({ declaration: callDispatched, subject: `call-${call}`, key: session, time, data }, { timeout_ms: 60_000 });
  }

  /** A call has a result, with findings of these detectors. */
  async completed(call: string, session: string, rules: readonly string[], time = Date.now()): Promise<void> {
    const key = await this.sealer.keyFor(this.sealer.subjectOf('default', 'ann@example.com'));
    const findings = rules.map((rule) => ({ rule, severity: 'high' as const, location: 'result', message: 'Seen.' }));
    const data = { call, error: false, result: this.sealer.seal(key, '{}'), findings, upstream_ms: 1 };
    await this.writer.append({ declaration: callCompleted, subject: `call-${call}`, key: session, time, data }, { timeout_ms: 60_000 });
  }

  async close(): Promise<void> {
    await this.writer.close();
  }

  private async intent(policy: Policy, given: Given): Promise<NewEvent> {
    const { tenant = 'default', agent = 'claude', person = 'ann@example.com', groups = [], method = 'tools/call', server = 'files', tool = 'read' } = given;
    const time = given.time ?? Date.now();
    const args = given.arguments ?? {};
    const key = await this.sealer.keyFor(this.sealer.subjectOf(tenant, person));
    const recorded = {
      principal: { tenant, agent, person, groups, credential: { kind: 'key' as const, id: 'k' } },
      client: { name: 'claude-code', version: '2.1.0' },
      network: { address: '10.1.2.3' },
      session: given.session ?? 's-1',
      method,
      server,
      tool,
      definition: null,
      labels: given.labels === undefined ? ['read-only'] : given.labels,
      findings: (given.findings ?? []).map((rule) => ({ rule, severity: 'high' as const, location: 'arguments', message: 'Seen.' })),
    };
    const decided = withoutImpossibleHold(await policy.decide(recordedInput({ time, data: recorded }, args, policy.argumentsNeeded(server, tool, method))), method);
    const decision = { ...decided, ...given.decision };
    const data = {
      ...recorded,
      call: newUlid(),
      generation: 1,
      exposed: `${server}__${tool}`,
      arguments: this.sealer.seal(key, canonicalise(args)),
      decision,
      record: 'strict' as const,
    } as Omit<EventData<typeof callAdmitted>, 'deadline'>;
    const base = { subject: `call-${data.call}`, key: data.session, time };
    if (decision.effect === 'allow') return { ...base, declaration: callAdmitted, data: { ...data, deadline: timestamp(time + 30_000) } };
    if (decision.effect === 'refuse') return { ...base, declaration: callRefused, data: { ...data, reason: decision.rules[0]!.id } };
    const approve = decision.obligations.approve!;
    const approval = { id: newUlid(), binding: 'binding', nonce: 'nonce', expires: timestamp(time + 1000 * approve.expires_s), quorum: approve.quorum };
    return { ...base, declaration: callHeld, data: { ...data, approval } as EventData<typeof callHeld> };
  }
}
