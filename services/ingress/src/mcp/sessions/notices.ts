import type { OnNotice } from '../../upstreams/line.js';
import { passable } from '../asks/client-link.js';
import type { Inspector } from '../inspect.js';
import type { Peers } from './peers.js';
import type { StandingStreams } from './standing-streams.js';

/** Takes what a server says outside of calls to the clients that it may concern: on their standing streams here, or at other replicas. */
export function noticesTo(streams: StandingStreams, peers: Peers, inspector: Inspector): OnNotice {
  return (sessions, notice) => {
    const params = passable(notice['params'], inspector);
    const { params: _params, ...rest } = notice;
    const passed = params === undefined ? rest : { ...rest, params };
    const elsewhere = [...sessions].filter((session) => !streams.tell(session, passed));
    if (elsewhere.length > 0) peers.tell(elsewhere, passed);
  };
}
