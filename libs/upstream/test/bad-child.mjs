// A stdio server that shakes hands properly and then does what its first argument says.
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const mode = process.argv[2];
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const result = (id, value) => say({ jsonrpc: '2.0', id, result: value });

if (mode === 'exits-at-once') process.exit(3);
if (mode === 'prints') console.log('Starting server …');
if (mode === 'ignores-sigterm') process.on('SIGTERM', () => undefined);
if (mode === 'grandchild') {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  process.stderr.write(`grandchild ${child.pid}\n`);
}
if (mode === 'ignores-sigterm' || mode === 'grandchild') setInterval(() => {}, 1_000);

const held = [];
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.method === 'server/discover' && mode === 'ends-when-discovered') return process.exit(4);
  if (message.method === 'server/discover' && mode === 'silent-when-discovered') return;
  if (message.method === 'server/discover') return say({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } });
  if (message.method === 'initialize') return result(message.id, { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'bad', version: '1' } });
  if (message.method === 'notifications/cancelled') return say({ jsonrpc: '2.0', method: 'notifications/message', params: { cancelled: message.params.requestId } });
  if (message.id === undefined) return;
  switch (mode) {
    case 'hangs':
      return;
    case 'dies':
      return process.exit(7);
    case 'answers-and-exits':
      result(message.id, { text: 'x'.repeat(50_000), last: true });
      return process.exit(0);
    case 'wrong-id':
      return result(message.id + 1000, { wrong: true });
    case 'two-results':
      result(message.id, { first: true });
      return result(message.id, { second: true });
    case 'garbage':
      process.stdout.write('this is not JSON\n{"jsonrpc":"2.0"}\n[1,2]\n\n');
      return result(message.id, { after: 'garbage' });
    case 'huge':
      return result(message.id, { text: 'x'.repeat(3_000_000) });
    case 'endless-line':
      setInterval(() => process.stdout.write('x'.repeat(100_000)), 1);
      return;
    case 'environment':
      return result(message.id, { names: Object.keys(process.env).sort(), given: process.env.GIVEN });
    case 'pid':
      return result(message.id, { pid: process.pid });
    case 'limits':
      return result(message.id, { limits: process.platform === 'linux' ? readFileSync('/proc/self/limits', 'utf8') : '' });
    case 'echo-arguments':
      return result(message.id, { args: process.argv.slice(3) });
    case 'out-of-order':
      held.push(message.id);
      if (held.length === 3) for (const id of held.reverse()) result(id, { id });
      return;
    case 'progress':
      say({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: message.params._meta.progressToken, progress: 1 } });
      return result(message.id, { token: message.params._meta.progressToken });
    default:
      return result(message.id, { method: message.method });
  }
});
