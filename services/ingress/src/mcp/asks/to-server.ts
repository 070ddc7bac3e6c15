import type { Call } from '../call.js';
import { linkTo } from './client-link.js';
import { dispatch, type Dispatched } from '../dispatch.js';
import type { Parts } from '../parts.js';
import { throughRounds } from './server-rounds.js';

/** Sends a call to its server, for as many rounds as that one needs. Does not reject, except by a fault of ours. */
export function toServer(call: Call, parts: Parts): Promise<Dispatched> {
  return throughRounds(call, parts, () => dispatch(call, parts.catalog.server(call.server), parts.sender, parts.settings, linkTo(call, parts)));
}
