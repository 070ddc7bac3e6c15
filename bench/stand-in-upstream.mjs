// The cheapest MCP server there can be, so that the benchmark measures what is before it: a tool that echoes, one
// that answers with 100 KB, and as many others as are asked for. Streamable HTTP, JSON answers. Prints its port.
// `node stand-in-upstream.mjs [TOOLS]`
import { createServer } from 'node:http';

const tool = (name) => ({
  name,
  description: 'Returns the message.',
  inputSchema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
  annotations: { readOnlyHint: true },
});
const number = Number(process.argv[2] ?? 2);
const tools = [tool('echo'), tool('big'), ...Array.from({ length: number - 2 }, (_, index) => tool(`filler_${index}`))];
const big = Array.from({ length: 100 }, (_, index) => ({ type: 'text', text: `${index}: ${'The quick brown fox jumps over the lazy dog. '.repeat(22)}` }));

function answer(request) {
  switch (request.method) {
    case 'initialize':
      return { protocolVersion: request.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stand-in', version: '1.0.0' } };
    case 'tools/list':
      return { tools };
    case 'tools/call':
      return { content: request.params.name === 'big' ? [{ type: 'text', text: 'Echo: ' }, ...big] : [{ type: 'text', text: `Echo: ${request.params.arguments.message}` }] };
    default:
      return {};
  }
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(405).end();
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const message = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: message.id, result: answer(message) });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(message.method === 'initialize' ? { 'mcp-session-id': 'bench' } : {}),
    });
    response.end(body);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
