import { describe, expect, it } from '@jest/globals';
import type { World } from './world.js';

export function badInput(world: () => World): void {
  describe('bad input', () => {
    const post = (w: World, body: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${w.gateway.origin}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${w.keys.agent.presented}`, ...headers },
        body,
      });
    const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

    const cases: [string, (w: World) => Promise<Response>, number, RegExp][] = [
      ['JSON that does not parse', (w) => post(w, '{"jsonrpc":'), 400, /-32700/],
      ['something that is not JSON-RPC', (w) => post(w, '{"hello":1}'), 400, /-32600/],
      ['a body of another type', (w) => post(w, ping, { 'content-type': 'text/plain' }), 415, /application\/json/],
      ['an Accept without event streams', (w) => post(w, ping, { accept: 'text/html' }), 406, /text\/event-stream/],
      ['a foreign Origin', (w) => post(w, ping, { origin: 'https://evil.example' }), 403, /[Oo]rigin/],
      ['a session that nobody opened', (w) => post(w, ping, { 'mcp-session-id': 'forged' }), 404, /session/],
      ['a body beyond the limit', (w) => post(w, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'y'.repeat(6 * 1024 * 1024) } })), 413, /bytes/],
      ['JSON nested too deeply', (w) => post(w, `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":${'['.repeat(5000)}${']'.repeat(5000)}}}`), 400, /deep|depth/],
    ];

    for (const [what, send, status, says] of cases) {
      it(`[bad-input] ${what} gets ${status} and is told why`, async () => {
        const response = await send(world());
        expect(response.status).toBe(status);
        expect(await response.text()).toMatch(says);
      });
    }

    it('[bad-input] leaves the gateway as it was', async () => {
      const w = world();
      expect((await w.call('truth__note', { text: 'still well' })).content[0]?.text).toBe('done: still well');
    });

    it('[bad-input] an unknown tool is named in the error', async () => {
      await expect(world().call('truth__no-such-tool', {})).rejects.toThrow(/truth__no-such-tool/);
    });
  });
}
