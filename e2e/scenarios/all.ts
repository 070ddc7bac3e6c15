import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import type { Gateway } from '../modes/gateway.js';
import { TruthServer } from '../peers/truth.js';
import { approvals } from './approvals.js';
import { audit } from './audit.js';
import { badInput } from './bad-input.js';
import { calls } from './calls.js';
import { clients } from './clients.js';
import { commandLine } from './command-line.js';
import { confirmations } from './confirmations.js';
import { context } from './context.js';
import { crashes } from './crash.js';
import { federation } from './federation.js';
import { identity } from './identity.js';
import { methods } from './methods.js';
import { policies } from './policies.js';
import { World } from './world.js';

/** Every scenario, on one gateway. Those that break things come last. */
export function allScenarios(mode: string, create: () => Promise<Gateway>, start_ms: number): void {
  describe(`on a gateway in the mode "${mode}"`, () => {
    jest.setTimeout(60_000);
    let world: World | undefined;
    const current = (): World => {
      if (!world) throw new Error('the gateway did not start');
      return world;
    };

    beforeAll(async () => {
      const truth = await TruthServer.start('0.0.0.0');
      const gateway = await create();
      world = new World(gateway, truth);
      await world.furnish();
    }, start_ms);

    afterAll(async () => {
      await world?.gateway.destroy();
      await world?.truth.close();
    }, 120_000);

    calls(current);
    approvals(current);
    confirmations(current);
    context(current);
    identity(current);
    federation(current);
    methods(current);
    policies(current);
    audit(current);
    clients(current);
    badInput(current);
    commandLine(current);
    crashes(current);
  });
}
