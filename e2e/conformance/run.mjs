// npm run conformance [-- --json] [--url URL] [--eras both|modern|legacy] [--only server|client] [--revision 2026-07-28]
//
// Runs the public conformance suites against a server, directly and through the gateway, and compares. With --json the last line on
// standard output holds the scores. Exit code 1: something is lost on the way that is not on the list of expected failures.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: { conformance: here('main.ts'), 'conformance-client': here('client.ts'), 'reference-server': here('../reference-server/main.ts') },
  outdir: here('../dist'),
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: true,
  logLevel: 'warning',
});
const child = spawn(process.execPath, ['--enable-source-maps', here('../dist/conformance.js'), ...process.argv.slice(2)], { stdio: 'inherit' });
// A terminal's signal reaches the child, too: it stops the gateway, and ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.once('close', (code) => (process.exitCode = code ?? 1));
