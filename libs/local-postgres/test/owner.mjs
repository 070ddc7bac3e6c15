// Owns a server until it is killed. Run by the tests as another process, and as another user.
import { startLocalPostgres } from '../dist/local-postgres.js';

const server = await startLocalPostgres({ dataDir: process.argv[2], onProgress: (message) => process.stderr.write(`${message}\n`) });
// Before it says that it is there: whoever reads that may ask it to end at once.
process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid })}\n`);
