import type { Stops } from '../../state/stops.js';
import type { OnNotice } from '../../upstreams/line.js';
import { passable } from '../asks/client-link.js';
import type { Inspector } from '../inspect.js';
import type { Peers } from './peers.js';
import type { StandingStreams } from './standing-streams.js';

/**
 * Takes what a server says outside of calls to the clients that it may concern: on their standing streams here, or at other replicas. Nothing
 * of a server or resource that is stopped; whether a client is stopped knows whoever has its stream.
 */
export function noticesTo(streams: StandingStreams, peers: Peers, inspector: Inspector, stops: Pick<Stops, 'ofTarget'>): (server: string) => OnNotice {
  return (server) => (sessions, notice, resource) => {
    if (stops.ofTarget(server, resource ?? '') !== undefined) return;
    const params = passable(notice['params'], inspector);
    const { params: _params, ...rest } = notice;
    const passed = params === undefined ? rest : { ...rest, params };
    const elsewhere = [...sessions].filter((session) => !streams.tell(session, passed));
    if (elsewhere.length > 0) peers.tell(elsewhere, passed);
  };
}
