// Stops what the run started, then lets the reaper look whether anything is left.
export default async function globalTeardown() {
  const { engines, reaper } = globalThis.customhouseTestRun;
  await engines.close();
  reaper.stdin.end();
}
