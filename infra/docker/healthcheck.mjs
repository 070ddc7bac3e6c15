// Asks the service in this container whether it is ready, and says why not.
const port = process.env.CUSTOMHOUSE_API_PORT ?? '8401';
try {
  const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(4000) });
  if (response.ok) process.exit(0);
  console.error(`not ready: ${await response.text()}`);
} catch (error) {
  console.error(`no answer on port ${port}: ${error instanceof Error ? error.message : error}`);
}
process.exit(1);
