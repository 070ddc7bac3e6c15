// Outlives the test run by moments. Its standard input is a pipe from the run: when the run ends, however it ends (Ctrl-C and
// SIGKILL included), the pipe closes, and what the run started goes.
import { rm } from 'node:fs/promises';

const [run, folder] = process.argv.slice(2);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.stdin.on('error', () => undefined);
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('close', resolve));

const { dockerEngine, label } = await import('./docker.mjs');
const { dockerode } = (await dockerEngine())?.container ?? {};
if (dockerode !== undefined) {
  const containers = await dockerode.listContainers({ all: true, filters: { label: [`${label}=${run}`] } });
  await Promise.allSettled(containers.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })));
}
await rm(folder, { recursive: true, force: true });
