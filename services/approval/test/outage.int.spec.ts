import { describe, expect, it } from '@jest/globals';
import { ownPostgres } from '@customhouse/test-engines/own-engine';
import { callCompleted } from '@customhouse/events/call/events';
import { eventually, Gateway } from './gateway.js';

const own = await ownPostgres();

(own ? describe : describe.skip)('when the database with everything in it is killed and comes back', () => {
  it('between any two steps, nothing is lost and nothing happens twice', async () => {
    const { url, engine } = own!;
    const gateway = await Gateway.start({ postgres: url });
    const ingress = await gateway.ingress('ingress-1');
    const outage = async (): Promise<void> => {
      await engine.kill();
      await engine.start();
      await eventually('the service and the writers are back', async () => ingress.writer.writable && (await ready(gateway)), 30_000);
    };
    try {
      await gateway.approver('bob');
      const { held } = await ingress.hold({ quorum: 2 });
      const id = held.approval.id;
      await outage();
      await gateway.status(id, 'open');
      await gateway.vote(id, 'bob');
      await outage();
      expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: ['bob'] });
      expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 200, body: { approvers: ['bob'] } });
      expect(await gateway.vote(id, 'carol')).toMatchObject({ status: 200 });
      await outage();
      // The chain of the ingress goes on or begins anew with the outage; in either case it is named once for each.
      const { dispatcher } = await gateway.stateIs(id, (state) => state.dispatcher?.epoch === ingress.writer.epoch);
      expect(dispatcher!.instance).toBe('ingress-1');
      await ingress.dispatch(held);
      await outage();
      await ingress.append(callCompleted, { call: held.call, error: false, result: held.arguments, findings: [], upstream_ms: 1 }, held.session);
      await gateway.status(id, 'closed');
      await gateway.stateIs(id, (state) => state.status === 'closed');
      const told = (await gateway.told(id)).map((event) => event.type).filter((type) => type !== 'approval.dispatcher.named');
      expect(told).toEqual(['approval.request.opened', 'approval.vote.cast', 'approval.vote.cast', 'approval.request.granted', 'approval.request.closed']);
      expect((await gateway.told(id)).filter((event) => event.type === 'approval.dispatcher.named').length).toBe(dispatcher!.attempt);
    } finally {
      await gateway.stop();
    }
  }, 180_000);
});

async function ready(gateway: Gateway): Promise<boolean> {
  const response = await fetch(`${gateway.service.apiUrl}/health/ready`);
  return response.status === 200;
}
