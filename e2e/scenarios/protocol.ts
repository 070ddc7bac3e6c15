import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { addressOf, type GatewayAddress, openUp, passage, withAgentKey } from '../conformance/passage.js';
import type { Gateway } from '../modes/gateway.js';
import { ReferenceServer } from '../reference-server/http.js';
import type { Place } from './matrix-client.js';
import { matrix, type Passages } from './matrix.js';

/** A gateway that refuses nothing, with a reference server of each era behind it. */
export interface Thoroughfare<G extends Gateway> {
  readonly gateway: G;
  readonly address: GatewayAddress;
  readonly passages: Passages;
}

/** The features of the protocol in all combinations of eras, on a gateway of its own. `more`: what else is tried on the same one. */
export function protocol<G extends Gateway>(mode: string, create: () => Promise<G>, start_ms: number, more: (current: () => Thoroughfare<G>) => void = () => undefined): void {
  describe(`the protocol, on a gateway in the mode "${mode}" that refuses nothing`, () => {
    jest.setTimeout(60_000);
    let gateway: G | undefined;
    let upstreams: ReferenceServer[] = [];
    let thoroughfare: Thoroughfare<G> | undefined;
    const current = (): Thoroughfare<G> => {
      if (!thoroughfare) throw new Error('the gateway did not start');
      return thoroughfare;
    };

    beforeAll(async () => {
      gateway = await create();
      const { upstreamHost } = gateway;
      const reachableAs = upstreamHost === '127.0.0.1' ? undefined : upstreamHost;
      const [legacy, modern] = await Promise.all([ReferenceServer.start({ eras: 'legacy', reachableAs }), ReferenceServer.start({ eras: 'modern', reachableAs })]);
      upstreams = [legacy, modern];
      const address = gateway.mode === 'compose' ? await withAgentKey(addressOf(gateway)) : addressOf(gateway);
      await openUp(address);
      const through = async (name: string, server: ReferenceServer): Promise<Place> => ({ url: await passage(address, name, server.urlAt(upstreamHost)), key: address.agentKey });
      const passages = { direct: { legacy: legacy.url, modern: modern.url }, through: { legacy: await through('legacy', legacy), modern: await through('modern', modern) } };
      thoroughfare = { gateway, address, passages };
    }, start_ms);

    afterAll(async () => {
      await gateway?.destroy();
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    }, 120_000);

    matrix(() => current().passages);
    more(current);
  });
}
