import { describe, expect, it } from '@jest/globals';
import { taskEnd, taskTool } from '../reference-server/tasks.js';
import { type Era, type Place, withClient } from './matrix-client.js';
import { callAsTask } from './matrix-tasks.js';

/** Where a reference server of each era stands, directly and through the gateway. */
export interface Passages {
  readonly direct: Readonly<Record<Era, string>>;
  readonly through: Readonly<Record<Era, Place>>;
}

const eras: readonly Era[] = ['legacy', 'modern'];
const combinations = eras.flatMap((client) => eras.map((upstream) => [client, upstream] as const));
const texts = (result: unknown): string => JSON.stringify((result as { content: unknown }).content);

/** Every feature of the protocol, with clients and upstreams of both eras. */
export function matrix(passages: () => Passages): void {
  describe.each(combinations)('a %s client with a %s upstream', (client, upstream) => {
    const at = (): Place => passages().through[upstream];
    serverFeatures(client, upstream, at, () => passages().direct[upstream]);
    clientFeatures(client, at);
    conversation(client, at);
  });
}

function serverFeatures(era: Era, upstream: Era, at: () => Place, direct: () => Place): void {
  it('[matrix-lists] lists what the upstream lists: tools, prompts, resources and templates', async () => {
    // The upstream knows one era only, and is asked in that; a definition is the same in both, but for what the client's library takes out.
    expect(await everythingListed(at(), era)).toEqual(await everythingListed(direct(), upstream, era));
  });

  it('[matrix-content] carries every kind of content, structured content and _meta', async () => {
    await withClient(at(), era, async ({ client }) => {
      const kinds = (await client.callTool({ name: 'test_multiple_content_types', arguments: {} })).content.map((block) => block.type);
      expect(kinds).toEqual(['text', 'image', 'resource']);
      expect((await client.callTool({ name: 'test_audio_content', arguments: {} })).content[0]).toMatchObject({ type: 'audio', mimeType: 'audio/wav' });
      expect((await client.callTool({ name: 'test_structured_output', arguments: { city: 'Delft' } })).structuredContent).toEqual({ city: 'Delft', celsius: 21.5 });
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const echoed = await client.callTool({ name: 'test_echo_meta', arguments: {}, _meta: { traceparent, 'example.com/mark': { deep: [1] } } });
      expect(JSON.parse((echoed.content[0] as { text: string }).text)).toMatchObject({
        traceparent: expect.stringContaining('0af7651916cd43dd8448eb211c80319c'),
        'example.com/mark': { deep: [1] },
      });
      expect(echoed._meta).toMatchObject({ 'example.com/kept': [1, { two: null }] });
    });
  });

  it('[matrix-errors] tells a tool that failed from a tool, a prompt and a resource that do not exist', async () => {
    await withClient(at(), era, async ({ client }) => {
      expect(await client.callTool({ name: 'test_error_handling', arguments: {} })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('intentionally') }] });
      await expect(client.callTool({ name: 'test_nothing', arguments: {} })).rejects.toMatchObject({ code: -32602 });
      await expect(client.getPrompt({ name: 'test_nothing' })).rejects.toMatchObject({ code: -32602 });
      await expect(client.readResource({ uri: 'test://nothing' })).rejects.toMatchObject({ code: expect.any(Number) });
    });
  });

  it('[matrix-prompts] gets prompts with arguments, images and resources', async () => {
    await withClient(at(), era, async ({ client }) => {
      const filled = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'one', arg2: 'two' } });
      expect(filled.messages[0]?.content).toEqual({ type: 'text', text: "Prompt with arguments: arg1='one', arg2='two'" });
      expect((await client.getPrompt({ name: 'test_prompt_with_image' })).messages[0]?.content.type).toBe('image');
    });
  });

  it('[matrix-resources] reads texts, binaries and templates', async () => {
    await withClient(at(), era, async ({ client }) => {
      expect((await client.readResource({ uri: 'test://static-text' })).contents[0]).toMatchObject({ text: expect.stringContaining('static text') });
      expect((await client.readResource({ uri: 'test://static-binary' })).contents[0]).toMatchObject({ mimeType: 'image/png', blob: expect.any(String) });
      expect((await client.readResource({ uri: 'test://template/77/data' })).contents[0]).toMatchObject({ text: expect.stringContaining('Data for ID: 77') });
    });
  });

  it('[matrix-completion] completes arguments of prompts and of templates', async () => {
    await withClient(at(), era, async ({ client }) => {
      const prompt = await client.complete({ ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'par' } });
      expect(prompt.completion.values).toEqual(['paris', 'park', 'party']);
      const template = await client.complete({ ref: { type: 'ref/resource', uri: 'test://template/{id}/data' }, argument: { name: 'id', value: '12' } });
      expect(template.completion.values).toEqual(['123', '124']);
    });
  });

  it('[matrix-tasks] makes a task of a call that its upstream works on, whose end is what that answered', async () => {
    const { taskId, statuses, result } = await callAsTask(at(), era, taskTool);
    expect([statuses[0], statuses.at(-1)]).toEqual(['working', 'completed']);
    expect(result).toMatchObject({ content: [{ text: taskEnd }], _meta: { 'customhouse/receipt': expect.anything() } });
    // Whoever did not ask for a task waits for the same.
    expect(await withClient(at(), era, async ({ client }) => texts(await client.callTool({ name: taskTool, arguments: {} })))).toContain(taskEnd);
    expect(taskId.length).toBeGreaterThan(64);
  });

  it('[matrix-header-parameters] takes parameters that travel as headers where the revision has that, and in the body alone where it has not', async () => {
    await withClient(at(), era, async ({ client }) => {
      await client.listTools();
      expect(texts(await client.callTool({ name: 'test_header_parameters', arguments: { region: ' Zürich' } }))).toContain('region= Zürich');
    });
  });
}

function clientFeatures(era: Era, at: () => Place): void {
  it('[matrix-elicitation] asks the user by form and by page', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      const answered = await client.callTool({ name: 'test_elicitation', arguments: { message: 'Who are you?' } });
      expect(texts(answered)).toContain('action=accept');
      expect(texts(answered)).toContain('a username');
      expect(heard.elicitations).toEqual([expect.objectContaining({ message: 'Who are you?' })]);
      expect(texts(await client.callTool({ name: 'test_url_elicitation', arguments: {} }))).toContain('User went: accept');
      expect(heard.elicitations[1]).toMatchObject({ mode: 'url', url: 'https://example.com/sign-in' });
    });
  });

  it('[matrix-sampling] asks the model', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      expect(texts(await client.callTool({ name: 'test_sampling', arguments: { prompt: 'Think.' } }))).toContain('a thought');
      expect(heard.samplings).toEqual([expect.objectContaining({ maxTokens: 100 })]);
    });
  });

  it('[matrix-roots] asks for the roots', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      expect(texts(await client.callTool({ name: 'test_input_required_result_list_roots', arguments: {} }))).toContain('file:///home/somebody/project');
      expect(heard.rootsAsked).toBe(1);
    });
  });

  it('[matrix-rounds] asks several things at once, and one after the other', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      expect(texts(await client.callTool({ name: 'test_input_required_result_multiple_inputs', arguments: {} }))).toContain('a name, 1 roots');
      expect(texts(await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} }))).toContain('a name likes a color.');
      expect(heard.elicitations).toHaveLength(3);
    });
  });

  it('[matrix-rounds] asks before a prompt and before a resource', async () => {
    await withClient(at(), era, async ({ client }) => {
      expect(JSON.stringify(await client.getPrompt({ name: 'test_input_required_result_prompt' }))).toContain('Context: a context');
      expect(JSON.stringify(await client.readResource({ uri: 'test://asking-resource' }))).toContain('Read by a name');
    });
  });

  it('[matrix-capabilities] does not ask a client that did not say it can be asked', async () => {
    await withClient(
      at(),
      era,
      async ({ client }) => {
        const answer = await client
          .callTool({ name: 'test_elicitation', arguments: { message: 'Anybody?' } })
          .catch((error: unknown) => ({ isError: true, content: [{ text: String(error) }] }));
        expect(answer.isError).toBe(true);
        expect(texts(await client.callTool({ name: 'test_simple_text', arguments: {} }))).toContain('simple text');
      },
      { able: false },
    );
  });
}

function conversation(era: Era, at: () => Place): void {
  it("[matrix-progress] reports progress under the client's own token", async () => {
    await withClient(at(), era, async ({ client }) => {
      const seen: number[] = [];
      await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, { onprogress: ({ progress }) => void seen.push(progress) });
      expect(seen).toEqual([0, 50, 100]);
    });
  });

  it('[matrix-cancellation] cancels at the upstream what the client cancels', async () => {
    await withClient(at(), era, async ({ client }) => {
      const cancelled = async (): Promise<number> => {
        const answer = await client.callTool({ name: 'test_journal', arguments: {} });
        return (JSON.parse((answer.content[0] as { text: string }).text) as { cancelled: number }).cancelled;
      };
      const before = await cancelled();
      const controller = new AbortController();
      let begun = false;
      const call = client.callTool({ name: 'test_wait_for_cancellation', arguments: {} }, { signal: controller.signal, onprogress: () => (begun = true) });
      const ended = call.then(
        () => 'answered',
        () => 'cancelled',
      );
      await eventually(() => Promise.resolve(begun));
      controller.abort();
      expect(await ended).toBe('cancelled');
      await eventually(async () => (await cancelled()) === before + 1);
    });
  });

  it('[matrix-logging] logs to a client that asked for it, and to no other', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      const messages = (): unknown[] => heard.notifications.filter((one) => one.method === 'notifications/message').map((one) => one.params['data']);
      if (era === 'modern') {
        await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
        expect(messages()).toEqual([]);
      } else await client.setLoggingLevel('debug');
      const asked = era === 'modern' ? { _meta: { 'io.modelcontextprotocol/logLevel': 'debug' } } : {};
      await client.callTool({ name: 'test_tool_with_logging', arguments: {}, ...asked });
      await eventually(() => Promise.resolve(messages().length >= 3));
      expect(messages()).toEqual(['Tool execution started', 'Tool processing data', 'Tool execution completed']);
    });
  });

  it('[matrix-subscriptions] tells a client that subscribed to a resource that it changed', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      const uri = 'test://watched-resource';
      if (era === 'modern') await client.listen({ resourceSubscriptions: [uri] });
      else await client.subscribeResource({ uri });
      await client.callTool({ name: 'test_update_watched_resource', arguments: {} });
      await eventually(() => Promise.resolve(heard.notifications.some((one) => one.method === 'notifications/resources/updated' && one.params['uri'] === uri)));
      expect(JSON.stringify(await client.readResource({ uri }, { cacheMode: 'bypass' }))).toContain('Revision');
    });
  });

  it('[matrix-list-changed] tells a client that the tools and the prompts changed', async () => {
    await withClient(at(), era, async ({ client, heard }) => {
      const changed = (kind: string): boolean => heard.notifications.some((one) => one.method === `notifications/${kind}/list_changed`);
      if (era === 'modern') await client.listen({ toolsListChanged: true, promptsListChanged: true });
      for (const kind of ['tool', 'prompt'] as const) {
        const toggle = (): Promise<unknown> => client.callTool({ name: `test_trigger_${kind}_change`, arguments: {} });
        await toggle();
        try {
          await eventually(() => Promise.resolve(changed(`${kind}s`)));
        } finally {
          // Back to what it was, so that every combination finds the same lists.
          await toggle();
        }
      }
    });
  });
}

/**
 * All lists of a server, each by name: a server that is asked another way may list in another order. `readBy`: the era of the client that would read
 * them; that of 2026-07-28 knows no `execution`, and its library drops it.
 */
function everythingListed(place: Place, era: Era, readBy = era): Promise<unknown> {
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return withClient(place, era, async ({ client }) => ({
    tools: (await client.listTools()).tools.sort(byName).map(({ execution, ...tool }) => (readBy === 'modern' || execution === undefined ? tool : { ...tool, execution })),
    prompts: (await client.listPrompts()).prompts.sort(byName),
    resources: (await client.listResources()).resources.sort(byName),
    templates: (await client.listResourceTemplates()).resourceTemplates.sort(byName),
  }));
}

async function eventually(probe: () => Promise<boolean>, timeout_ms = 15_000): Promise<void> {
  const until = Date.now() + timeout_ms;
  while (!(await probe())) {
    if (Date.now() > until) throw new Error(`did not come about within ${timeout_ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
