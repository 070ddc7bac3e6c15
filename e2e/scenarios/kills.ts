import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { open } from '../checker/open.js';
import type { Service } from '../modes/gateway.js';
import { LogTail } from '../modes/log-tail.js';
import { allServices, ServicesGateway } from '../modes/services.js';
import { TruthServer } from '../peers/truth.js';
import { Scene, type Told } from './scene.js';
import { verify } from './witnesses.js';
import { baseRules, World } from './world.js';

const steps = [
  'before the hold is recorded',
  'after the hold',
  'after the request is opened',
  'between two votes',
  'after the grant',
  'after the dispatcher is named',
  'after dispatch',
  'after the outcome',
] as const;
type Step = (typeof steps)[number];

const rules = [
  ...baseRules,
  {
    id: 'two-people',
    effect: 'hold',
    reason: 'This takes two people.',
    tools: ['truth/slow'],
    when: [{ argument: '/text', is: 'like', value: 'held*' }],
    approve: { quorum: 2, expires_s: 3600 },
  },
];

/** Frozen processes are not dead ones here, and a machine that stalls does not turn a row into another one. */
const settings = {
  CUSTOMHOUSE_LOG_HEARTBEAT_MS: '1000',
  CUSTOMHOUSE_LOG_APPEND_TIMEOUT_MS: '20000',
  CUSTOMHOUSE_INGRESS_RECORD_TIMEOUT_MS: '20000',
  CUSTOMHOUSE_INGRESS_HOLD_MS: '3000',
  CUSTOMHOUSE_APPROVAL_SILENCE_MS: '120000',
  CUSTOMHOUSE_APPROVAL_TICK_MS: '100',
  CUSTOMHOUSE_AUDIT_WRITER_SILENCE_MS: '120000',
  CUSTOMHOUSE_AUDIT_CLOSER_INTERVAL_MS: '200',
};

/**
 * Every service is killed at every step of a call that two people have to approve, and of a plain one, on one set of six processes.
 * Each step is waited for in the log; where what follows it would come at once, the service that does it is frozen meanwhile.
 */
export function kills(): void {
  describe('with each service in a process of its own', () => {
    jest.setTimeout(150_000);
    let gateway: ServicesGateway | undefined;
    let truth: TruthServer | undefined;
    let scene: Scene | undefined;
    const current = (): Scene => {
      if (!scene) throw new Error('the services did not start');
      return scene;
    };

    beforeAll(async () => {
      truth = await TruthServer.start();
      gateway = await ServicesGateway.create(settings);
      await gateway.start();
      const world = new World(gateway, truth);
      await world.furnish();
      await world.activate(rules);
      const carol = await world.issue('console', 'carol@example.com', ['approver']);
      const tail = await LogTail.follow(gateway.brokers, ['customhouse.calls', 'customhouse.approvals']);
      // With the first call of a person comes the key that their calls are sealed with.
      await world.call('truth__note', { text: 'the first' });
      scene = new Scene(gateway, world, tail, { bob: world.keys.bobApproves.presented, carol: carol.presented }, await open(gateway));
    }, 300_000);

    afterAll(async () => {
      await scene?.tail.close();
      await gateway?.destroy();
      await truth?.close();
    }, 60_000);

    it.each(allServices.flatMap((service) => steps.map((step) => [service, step] as const)))(
      '[every-service-killed] %s, killed %s, costs no held call, and runs none twice',
      (service, step) => heldCall(current(), service, step),
    );

    it('[every-service-killed] ingress, killed before the log said that it has the hold, leaves a call that still waits, or none', () => unacknowledgedHold(current()));

    it.each(['before the intent is recorded', 'while the upstream works', 'after the outcome'] as const)(
      '[every-service-killed] ingress, killed %s, makes no plain call twice',
      (step) => plainCall(current(), step),
    );

    it.each(allServices.filter((service) => service !== 'ingress'))(
      '[every-service-killed] %s, killed in the middle of a plain call, costs no call, also not while it is away',
      (service) => callsWithout(current(), service),
    );

    it('[every-service-killed] after all of this the four witnesses agree, and no record was put aside', async () => {
      const { world, history, gateway } = current();
      await verify(world, history);
      for (const service of allServices.filter((name) => name !== 'ingress'))
        expect([service, await gateway.sql(`select reason from ${service}.dead_letters`)]).toEqual([service, []]);
    });
  });
}

/** How a held call may end. Only who runs it can leave its end unknown; the others cost time at most. */
function endsOf(service: Service, step: Step): readonly string[] {
  if (service !== 'ingress') return ['call.completed'];
  if (step === 'after dispatch') return ['call.outcome.lost'];
  // It was named in the same moment, and may have got as far as sending.
  return step === 'after the grant' ? ['call.completed', 'call.outcome.lost'] : ['call.completed'];
}

async function heldCall(scene: Scene, service: Service, step: Step): Promise<void> {
  const { gateway } = scene;
  const marker = `held, ${service} killed ${step}`;
  const at = async (here: Step): Promise<void> => {
    if (here === step) await scene.strike(service);
  };
  const waiting = step === 'before the hold is recorded' ? await heldAfter(scene, service, marker) : await heldWithout(scene, step, marker);
  const { call, approval, client } = waiting;
  const logged = (type: string): Promise<unknown> => scene.tail.until(`${type} of "${marker}"`, (event) => event.type === type && event.data['approval'] === approval);
  await at('after the hold');
  if (step === 'after the hold' && service !== 'approval') gateway.thaw('approval');
  await logged('approval.request.opened');
  await at('after the request is opened');
  await scene.approve(approval, 'bob');
  await logged('approval.vote.cast');
  await at('between two votes');
  // For nobody is named who ended in order, so that the grant is all there is. The ingress itself is killed while it is named.
  const away = step === 'after the grant' && service !== 'ingress';
  if (away) await gateway.end('ingress');
  if (step === 'after the dispatcher is named') gateway.freeze('ingress');
  await scene.approve(approval, 'carol');
  await logged('approval.request.granted');
  await at('after the grant');
  if (away) await gateway.restart('ingress');
  await logged('approval.dispatcher.named');
  await at('after the dispatcher is named');
  if (step === 'after the dispatcher is named' && service !== 'ingress') gateway.thaw('ingress');
  await scene.world.eventually('it was sent, or is known to be lost', async () => scene.times(marker) > 0 || scene.terminalsOf(call).length > 0, 60_000);
  await at('after dispatch');
  if (step === 'after the outcome' && service !== 'ingress') gateway.freeze(service);
  await scene.letEnd(call);
  await at('after the outcome');
  await scene.allThere();
  await judge(scene, { marker, call, approval, ends: endsOf(service, step), told: await client });
}

interface Waiting {
  readonly call: string;
  readonly approval: string;
  readonly client: Promise<Told>;
}

/** The call is held while everything works; nobody opens its request yet, when that is not to be. */
async function heldWithout(scene: Scene, step: Step, marker: string): Promise<Waiting> {
  if (step === 'after the hold') scene.gateway.freeze('approval');
  return held(scene, marker);
}

/** The call is held while the service is away, which comes back then. The ingress has the request in its socket when it is killed, and never reads it. */
async function heldAfter(scene: Scene, service: Service, marker: string): Promise<Waiting> {
  if (service !== 'ingress') {
    await scene.gateway.kill(service);
    const waiting = await held(scene, marker);
    scene.comesBack(service);
    return waiting;
  }
  const client = await scene.world.connect();
  scene.gateway.freeze('ingress');
  const broken = client.callTool({ name: 'truth__slow', arguments: { text: marker } }).then(
    () => 'answered',
    () => 'broken',
  );
  await scene.strike('ingress');
  expect(await broken).toBe('broken');
  return held(scene, marker);
}

async function held(scene: Scene, marker: string): Promise<Waiting> {
  const client = scene.insist('truth__slow', marker);
  // Whoever awaits it hears of a failure.
  client.catch(() => undefined);
  const { data } = await scene.intentOf(marker, 'call.held');
  return { call: data['call'] as string, approval: (data['approval'] as { id: string }).id, client };
}

/** What is true of every held call, whatever was killed. */
async function judge(scene: Scene, { marker, call, approval, ends, told }: Omit<Waiting, 'client'> & { marker: string; ends: readonly string[]; told: Told }): Promise<void> {
  const request = await scene.closed(approval);
  const shown = await scene.audited(call);
  const terminals = scene.terminalsOf(call);
  expect(terminals).toHaveLength(1);
  expect(ends).toContain(terminals[0]);
  expect(request.terminal).toBe(terminals[0]);
  expect(shown).toMatchObject({ status: terminals[0] === 'call.completed' ? 'completed' : 'lost', approval, anomalies: [] });
  expect(scene.intentsOf(marker)).toBe(1);
  if (terminals[0] === 'call.completed') {
    expect(told).toEqual({ got: 'result', call, text: `done: ${marker}` });
    expect(scene.times(marker)).toBe(1);
  } else {
    expect(told).toEqual({ got: 'outcome-unknown' });
    expect(scene.times(marker)).toBeLessThanOrEqual(1);
  }
  await nextWorks(scene, marker);
}

async function nextWorks(scene: Scene, marker: string): Promise<void> {
  expect(await scene.once('truth__note', `next after ${marker}`)).toMatchObject({ got: 'result', text: `done: next after ${marker}` });
}

/** The broker is frozen with the record on its way: whether it will have it, only it knows. */
async function unacknowledgedHold(scene: Scene): Promise<void> {
  const marker = 'held, unacknowledged';
  await diesBeforeTheLogAnswers(scene, 'truth__slow', marker);
  if (scene.intentsOf(marker) === 0) return expect(scene.times(marker)).toBe(0);
  const { data } = await scene.intentOf(marker, 'call.held');
  const { call, approval } = data as { call: string; approval: { id: string } };
  for (const person of ['bob', 'carol']) await scene.approve(approval.id, person);
  await scene.world.eventually('it was sent', async () => scene.times(marker) > 0, 60_000);
  await scene.letEnd(call);
  await judge(scene, { marker, call, approval: approval.id, ends: ['call.completed'], told: await scene.insist('truth__slow', marker) });
}

async function diesBeforeTheLogAnswers(scene: Scene, tool: string, marker: string): Promise<void> {
  const { engine } = scene.gateway;
  await engine.pause();
  const client = scene.once(tool, marker);
  try {
    await scene.callInFlight();
    await scene.gateway.kill('ingress');
  } finally {
    await engine.resume();
  }
  expect(await client).toBeUndefined();
  scene.comesBack('ingress');
  await scene.allThere();
  // What the broker had in its sockets came before this.
  await nextWorks(scene, marker);
}

async function plainCall(scene: Scene, step: 'before the intent is recorded' | 'while the upstream works' | 'after the outcome'): Promise<void> {
  const marker = `plain, ingress killed ${step}`;
  if (step === 'before the intent is recorded') {
    await diesBeforeTheLogAnswers(scene, 'truth__slow', marker);
    expect(scene.times(marker)).toBe(0);
    if (scene.intentsOf(marker) === 0) return;
    expect(await scene.audited((await scene.intentOf(marker, 'call.admitted')).data['call'] as string)).toMatchObject({ status: 'lost', anomalies: [] });
    return;
  }
  const client = scene.once('truth__slow', marker);
  const call = (await scene.intentOf(marker, 'call.admitted')).data['call'] as string;
  await scene.world.eventually('the upstream works on it', async () => scene.times(marker) === 1);
  if (step === 'while the upstream works') await scene.strike('ingress');
  await scene.letEnd(call);
  if (step === 'after the outcome') await scene.strike('ingress');
  const told = await client;
  await scene.allThere();
  if (step === 'while the upstream works') expect(told).toBeUndefined();
  expect(await scene.audited(call)).toMatchObject({ status: step === 'while the upstream works' ? 'lost' : 'completed', anomalies: [] });
  expect([scene.terminalsOf(call).length, scene.times(marker)]).toEqual([1, 1]);
  await nextWorks(scene, marker);
}

/** Calls need none of the other services: one ends, and another begins and ends, while it is away. */
async function callsWithout(scene: Scene, service: Service): Promise<void> {
  const marker = `plain, ${service} killed`;
  const client = scene.once('truth__slow', marker);
  const call = (await scene.intentOf(marker, 'call.admitted')).data['call'] as string;
  await scene.world.eventually('the upstream works on it', async () => scene.times(marker) === 1);
  await scene.gateway.kill(service);
  await nextWorks(scene, marker);
  await scene.letEnd(call);
  expect(await client).toEqual({ got: 'result', call, text: `done: ${marker}` });
  await scene.gateway.restart(service);
  expect(await scene.audited(call)).toMatchObject({ status: 'completed', anomalies: [] });
  await nextWorks(scene, `${marker}, and again`);
}
