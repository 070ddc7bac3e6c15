import { randomBytes } from 'node:crypto';
import type { McpRequestContext, McpServerFactory, RequestStateCodec, ServerEventBus } from '@modelcontextprotocol/server';
import { createRequestStateCodec, InMemoryServerEventBus, McpServer } from '@modelcontextprotocol/server';
import { askingTools, type Progress } from './asking.js';
import { contentTools, type Journal, talkingTools, text } from './content.js';
import { prompts } from './prompts.js';
import { resources, watched } from './resources.js';
import { legacyTasks, taskEnd, taskTool } from './tasks.js';

/** What all instances of the server have in common: the SDK makes one for each request or session. */
export class Reference {
  readonly bus: ServerEventBus = new InMemoryServerEventBus();
  private readonly state: RequestStateCodec<Progress> = createRequestStateCodec<Progress>({ key: randomBytes(32) });
  private readonly journal: Journal = { cancelled: 0 };
  private revision = 1;
  private moreTools = false;
  private morePrompts = false;

  readonly create: McpServerFactory = (context: McpRequestContext): McpServer => {
    const server = new McpServer(
      { name: 'customhouse-reference-server', version: '1.0.0' },
      {
        capabilities: {
          ...{ logging: {}, completions: {}, tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true } },
          ...(context.era === 'legacy' && { tasks: legacyTasks }),
        },
        requestState: { verify: this.state.verify },
        instructions: 'A server with everything that the conformance scenarios name.',
      },
    );
    contentTools(server);
    talkingTools(server, this.journal);
    askingTools(server, this.state);
    this.changingTools(server);
    const lasting = server.registerTool(taskTool, { description: 'Takes a while, as a task where the client knows those.' }, () => text(taskEnd));
    if (context.era === 'legacy') lasting.execution = { taskSupport: 'optional' };
    prompts(server);
    const prompt = server.registerPrompt('test_changing_prompt', { description: 'Comes and goes.' }, () => ({ messages: [] }));
    const tool = server.registerTool('test_changing_tool', { description: 'Comes and goes.' }, () => text('Still here.'));
    const follow = (): void => {
      if (tool.enabled !== this.moreTools) tool.update({ enabled: this.moreTools });
      if (prompt.enabled !== this.morePrompts) prompt.update({ enabled: this.morePrompts });
    };
    follow();
    resources(server, () => this.revision);
    if (context.era === 'legacy') this.pushChanges(server, follow);
    return server;
  };

  /** Each changes what is listed, or a resource, and says so. */
  private changingTools(server: McpServer): void {
    server.registerTool('test_trigger_tool_change', { description: 'Adds a tool, or takes it away again.' }, () => {
      this.moreTools = !this.moreTools;
      this.bus.publish({ kind: 'tools_list_changed' });
      return text('The list of tools changed.');
    });
    server.registerTool('test_trigger_prompt_change', { description: 'Adds a prompt, or takes it away again.' }, () => {
      this.morePrompts = !this.morePrompts;
      this.bus.publish({ kind: 'prompts_list_changed' });
      return text('The list of prompts changed.');
    });
    server.registerTool('test_update_watched_resource', { description: 'Changes the watched resource.' }, () => {
      this.revision += 1;
      this.bus.publish({ kind: 'resource_updated', uri: watched });
      return text(`Revision ${this.revision}`);
    });
  }

  /** Clients of earlier revisions subscribe within their session, and are told there. `follow` makes its lists what they are now, and says so. */
  private pushChanges(server: McpServer, follow: () => void): void {
    const subscribed = new Set<string>();
    server.server.setRequestHandler('resources/subscribe', ({ params }) => {
      subscribed.add(params.uri);
      return {};
    });
    server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
      subscribed.delete(params.uri);
      return {};
    });
    const stop = this.bus.subscribe((event) => {
      if (!server.isConnected()) return;
      follow();
      if (event.kind === 'resource_updated' && subscribed.has(event.uri)) void server.server.sendResourceUpdated({ uri: event.uri });
    });
    server.server.onclose = stop;
  }
}
