import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { closePassage, type GatewayAddress, passage } from './passage.js';

// The client program of the client suite: node client.js URL. The suite says by environment which scenario it watches, and of which revision. With the
// address of a gateway in CONFORMANCE_GATEWAY, the server is registered there and used through it.
type Scenario = (client: Client) => Promise<unknown>;

const scenarios: Readonly<Record<string, Scenario>> = {
  initialize: (client) => client.listTools(),
  tools_call: async (client) => {
    await client.listTools();
    await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } });
  },
  'elicitation-sep1034-client-defaults': async (client) => {
    await client.listTools();
    await client.callTool({ name: 'test_client_elicitation_defaults', arguments: {} });
  },
  'sse-retry': async (client) => {
    await client.listTools();
    await client.callTool({ name: 'test_reconnection', arguments: {} });
  },
  'request-metadata': (client) => client.listTools(),
  'sep-2322-client-request-state': async (client) => {
    await client.listTools();
    const asking = client.callTool({ name: 'test_mrtr_echo_state', arguments: {} });
    await client.callTool({ name: 'test_mrtr_unrelated', arguments: {} });
    await asking;
    await client.callTool({ name: 'test_mrtr_no_state', arguments: {} });
    // A result without its type has to be taken for complete. The SDK does not take it at all: what matters is that it does not ask again.
    await client.callTool({ name: 'test_mrtr_no_result_type', arguments: {} }).catch((error: unknown) => console.error(String(error)));
  },
  'http-standard-headers': async (client) => {
    for (const { name } of (await client.listTools()).tools) await client.callTool({ name, arguments: {} });
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  },
  'http-custom-headers': async (client) => {
    await client.listTools();
    for (const call of context<{ toolCalls: { name: string; arguments: Record<string, unknown> }[] }>().toolCalls) await client.callTool(call);
  },
  'http-invalid-tool-headers': async (client) => {
    const { tools } = await client.listTools();
    for (const { name } of tools) await client.callTool({ name, arguments: { region: 'eu' } });
  },
  'json-schema-ref-no-deref': (client) => client.listTools(),
  'json-schema-2020-12-preservation': async (client) => {
    const { tools } = await client.listTools();
    const schema = tools.find((tool) => tool.name === 'json_schema_2020_12_tool')?.inputSchema;
    await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
  },
};

async function main(server: string): Promise<void> {
  const scenario = environment('MCP_CONFORMANCE_SCENARIO');
  const play = scenarios[scenario];
  if (!play) throw new Error(`there is no scenario ${scenario}`);
  const gateway = process.env['CONFORMANCE_GATEWAY'] === undefined ? undefined : (JSON.parse(process.env['CONFORMANCE_GATEWAY']) as GatewayAddress);
  const name = `scenario-${process.pid}`;
  const url = gateway ? await passage(gateway, name, server) : server;
  const client = clientOf(environment('MCP_CONFORMANCE_PROTOCOL_VERSION'));
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    await play(client);
  } finally {
    await client.close();
    if (gateway) await closePassage(gateway, name);
  }
}

function clientOf(revision: string): Client {
  const client = new Client(
    { name: 'customhouse-conformance-client', version: '1.0.0' },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
      ...(revision === '2026-07-28' ? { versionNegotiation: { mode: { pin: revision } } } : {}),
    },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => {
    const asked = 'requestedSchema' in params ? Object.keys(params.requestedSchema.properties) : [];
    const content: Record<string, boolean> = asked.includes('confirmed') ? { confirmed: true } : {};
    return { action: 'accept', content };
  });
  return client;
}

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this program is started by the conformance suite`);
  return value;
}

const context = <T>(): T => JSON.parse(environment('MCP_CONFORMANCE_CONTEXT')) as T;

await main(process.argv.at(-1)!);
