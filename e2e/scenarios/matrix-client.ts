import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

export type Era = 'legacy' | 'modern';

/** What a client was asked and told while it was connected. */
export interface Heard {
  readonly elicitations: Record<string, unknown>[];
  readonly samplings: Record<string, unknown>[];
  readonly notifications: { method: string; params: Record<string, unknown> }[];
  rootsAsked: number;
}

export interface Connected {
  readonly client: Client;
  readonly heard: Heard;
}

const told = [
  'notifications/message',
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
] as const;

/** Where a server is reached, and with which key. A text is a place that asks for none. */
export type Place = string | { readonly url: string; readonly key?: string };

/** The official client in one era, able to answer everything that a server may ask, unless it is made to declare nothing. */
export async function connect(place: Place, era: Era, options: { able?: boolean } = {}): Promise<Connected> {
  const heard: Heard = { elicitations: [], samplings: [], notifications: [], rootsAsked: 0 };
  const able = options.able ?? true;
  const client = new Client(
    { name: `matrix-${era}`, version: '1.0.0' },
    {
      capabilities: able ? { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } } : {},
      ...(era === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {}),
    },
  );
  if (able) answerEverything(client, heard);
  for (const method of told) {
    client.setNotificationHandler(method, (notification) => void heard.notifications.push({ method, params: (notification.params ?? {}) as Record<string, unknown> }));
  }
  const { url, key } = typeof place === 'string' ? { url: place } : place;
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return { client, heard };
}

function answerEverything(client: Client, heard: Heard): void {
  client.setRequestHandler('elicitation/create', ({ params }) => {
    heard.elicitations.push(params);
    const fields = 'requestedSchema' in params ? Object.keys(params.requestedSchema.properties) : [];
    const content: Record<string, string | boolean> = Object.fromEntries(fields.map((field) => [field, field === 'ok' ? true : `a ${field}`]));
    return { action: 'accept', ...(fields.length > 0 ? { content } : {}) };
  });
  client.setRequestHandler('sampling/createMessage', ({ params }) => {
    heard.samplings.push(params);
    return { role: 'assistant', content: { type: 'text', text: 'a thought' }, model: 'test-model', stopReason: 'endTurn' };
  });
  client.setRequestHandler('roots/list', () => {
    heard.rootsAsked += 1;
    return { roots: [{ uri: 'file:///home/somebody/project', name: 'project' }] };
  });
}

/** Uses a connection and closes it, whatever happened. */
export async function withClient<T>(place: Place, era: Era, use: (connected: Connected) => Promise<T>, options: { able?: boolean } = {}): Promise<T> {
  const connected = await connect(place, era, options);
  try {
    return await use(connected);
  } finally {
    await connected.client.close();
  }
}
