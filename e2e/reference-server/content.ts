import { setTimeout as pause } from 'node:timers/promises';
import type { McpServer } from '@modelcontextprotocol/server';
import { fromJsonSchema } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { pixel, silence } from './samples.js';

/** What the server remembers of its calls, for tests that want to know what reached it. */
export interface Journal {
  cancelled: number;
}

export const text = (value: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: value }] });

/** Tools that answer at once: every kind of content, an error, a rich schema, parameters that travel as headers. */
export function contentTools(server: McpServer): void {
  server.registerTool('test_simple_text', { description: 'Returns a text.' }, () => text('This is a simple text response for testing.'));
  server.registerTool('test_image_content', { description: 'Returns an image.' }, () => ({ content: [{ type: 'image', data: pixel, mimeType: 'image/png' }] }));
  server.registerTool('test_audio_content', { description: 'Returns a sound.' }, () => ({ content: [{ type: 'audio', data: silence, mimeType: 'audio/wav' }] }));
  server.registerTool('test_embedded_resource', { description: 'Returns an embedded resource.' }, () => ({
    content: [{ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' } }],
  }));
  server.registerTool('test_multiple_content_types', { description: 'Returns a text, an image and a resource.' }, () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: pixel, mimeType: 'image/png' },
      { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' } },
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Always fails.' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool(
    'test_structured_output',
    { description: 'Returns structured content.', inputSchema: z.object({ city: z.string() }), outputSchema: z.object({ city: z.string(), celsius: z.number() }) },
    ({ city }) => ({ ...text(`${city}: 21.5`), structuredContent: { city, celsius: 21.5 } }),
  );
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'Tool with JSON Schema 2020-12 features', inputSchema: fromJsonSchema<{ name?: string }>(richSchema) },
    ({ name }) => text(`Hello, ${name ?? 'stranger'}.`),
  );
  server.registerTool(
    'test_header_parameters',
    { description: 'Takes parameters that also travel as headers.', inputSchema: fromJsonSchema<{ region: string }>(headerSchema) },
    ({ region }) => text(`region=${region}`),
  );
}

/** Tools that say something while they work. */
export function talkingTools(server: McpServer, journal: Journal): void {
  server.registerTool('test_tool_with_logging', { description: 'Logs three lines while it works.' }, async (ctx) => {
    for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await ctx.mcpReq.log('info', line, 'reference');
      await pause(50);
    }
    return text('Logged three lines.');
  });
  server.registerTool('test_logging_tool', { description: 'Logs one line if the request asked for logs.' }, async (ctx) => {
    await ctx.mcpReq.log('info', 'One line.', 'reference');
    return text('Logged what was asked for.');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports progress three times.' }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      await pause(50);
    }
    return text('Reported progress.');
  });
  server.registerTool('test_reconnection', { description: 'Closes its stream before it answers, so that the client comes back for the answer.' }, async (ctx) => {
    ctx.http?.closeSSE?.();
    await pause(100);
    return text('Reconnection test completed successfully.');
  });
  server.registerTool('test_wait_for_cancellation', { description: 'Works until it is cancelled, half a minute at most.' }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    try {
      await pause(30_000, undefined, { signal: ctx.mcpReq.signal });
    } catch (error) {
      journal.cancelled += 1;
      throw error;
    }
    return text('Nobody cancelled.');
  });
  server.registerTool('test_journal', { description: 'Says what the server remembers.' }, () => text(JSON.stringify(journal)));
  server.registerTool('test_echo_meta', { description: 'Answers with the _meta that it got.' }, (ctx) => ({
    ...text(JSON.stringify(ctx.mcpReq._meta ?? {})),
    _meta: { 'example.com/kept': [1, { two: null }] },
  }));
}

const richSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
} as const;

const headerSchema = {
  type: 'object',
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
  required: ['region'],
} as const;
