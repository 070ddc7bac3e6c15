import { parseArgs } from 'node:util';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type Eras, ReferenceServer } from './http.js';
import { Reference } from './server.js';

// node main.js [--port 0] [--eras both|modern|legacy] serves HTTP and says where; with --stdio it serves its standard streams.
const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, eras: { type: 'string', default: 'both' }, stdio: { type: 'boolean', default: false } } });

if (values.stdio) {
  serveStdio(new Reference().create);
} else {
  const server = await ReferenceServer.start({ port: Number(values.port), eras: values.eras as Eras });
  console.log(JSON.stringify({ ready: true, url: server.url }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close().then(() => process.exit(0)));
}
