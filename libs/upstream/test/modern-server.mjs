// A server of the revision 2026-07-28, made with the SDK. `--stdio` serves the standard streams, else HTTP at a port that is printed.
// `--both` serves earlier revisions too.
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { acceptedContent, createMcpHandler, fromJsonSchema, InMemoryServerEventBus, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const { values } = parseArgs({ options: { stdio: { type: 'boolean', default: false }, both: { type: 'boolean', default: false } } });
const bus = new InMemoryServerEventBus();
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const legacy = values.both ? undefined : 'reject';
let cancelled = 0;

function create() {
  const server = new McpServer(
    { name: 'modern', version: '1' },
    { capabilities: { tools: { listChanged: true }, logging: {}, resources: { listChanged: true, subscribe: true } }, instructions: 'Be kind.' },
  );
  const changed = (kind, uri) => {
    if (!values.stdio) return bus.publish(uri === undefined ? { kind } : { kind, uri });
    return uri === undefined ? server.sendToolListChanged() : server.server.sendResourceUpdated({ uri });
  };
  const where = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, zone: { type: 'integer', 'x-mcp-header': 'Zone' } } };
  server.registerTool('echo', { inputSchema: fromJsonSchema({ type: 'object' }) }, async (args) => ({
    ...text('echo'),
    structuredContent: args,
    _meta: { kept: { deeply: [1] } },
  }));
  server.registerTool('where', { inputSchema: fromJsonSchema(where) }, async (args) => text(`${args.region} ${args.zone}`));
  server.registerTool('progress', { inputSchema: fromJsonSchema({ type: 'object' }) }, async (_args, context) => {
    const token = context.mcpReq._meta?.progressToken;
    for (const progress of [1, 2]) await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress } });
    await context.mcpReq.log('info', 'half way');
    return text(typeof token);
  });
  server.registerTool('hang', { inputSchema: fromJsonSchema({ type: 'object' }) }, (_args, context) => {
    return new Promise((_resolve, reject) => {
      context.mcpReq.signal.addEventListener('abort', () => {
        cancelled += 1;
        reject(new Error('cancelled'));
      });
    });
  });
  server.registerTool('cancelled', { inputSchema: fromJsonSchema({ type: 'object' }) }, async () => text(cancelled));
  server.registerTool('change', { inputSchema: fromJsonSchema({ type: 'object' }) }, async (args) => {
    if (args.uri === undefined) await changed('tools_list_changed');
    else await changed('resource_updated', args.uri);
    return text('changed');
  });
  server.registerTool('ask', { inputSchema: fromJsonSchema({ type: 'object' }) }, async (_args, context) => {
    const colour = acceptedContent(context.mcpReq.inputResponses, 'colour');
    if (colour) return text(`You like ${colour.colour}`);
    return inputRequired({
      inputRequests: { colour: inputRequired.elicit({ message: 'Which colour?', requestedSchema: { type: 'object', properties: { colour: { type: 'string' } } } }) },
    });
  });
  server.registerResource('note', 'note:///a', {}, async (uri) => ({ contents: [{ uri: uri.href, text: 'noted' }] }));
  return server;
}

if (values.stdio) {
  serveStdio(create, { legacy });
} else {
  const handle = toNodeHandler(createMcpHandler(create, { legacy, bus }));
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}
