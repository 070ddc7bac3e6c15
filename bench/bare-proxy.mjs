// The yardstick: a reverse proxy on undici's `dispatch` that looks at nothing. `node bare-proxy.mjs TARGET_URL` prints its port.
// Bodies are collected and sent whole, which for small messages costs less than streaming them.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const target = new URL(process.argv[2]);
const pool = new Pool(target.origin, { connections: 64, pipelining: 1 });
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host']);

function forwarded(headers) {
  const kept = {};
  for (const name in headers) if (!hopByHop.has(name)) kept[name] = headers[name];
  return kept;
}

class Relay {
  constructor(response) {
    this.response = response;
    this.chunks = [];
  }
  onRequestStart() {}
  onResponseStart(controller, status, headers) {
    this.status = status;
    this.headers = forwarded(headers);
  }
  onResponseData(controller, chunk) {
    this.chunks.push(chunk);
  }
  onResponseEnd() {
    this.response.writeHead(this.status, this.headers);
    this.response.end(this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks));
  }
  onResponseError(controller, error) {
    this.response.destroy(error);
  }
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 0 ? null : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    pool.dispatch({ path: request.url, method: request.method, headers: forwarded(request.headers), body }, new Relay(response));
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
