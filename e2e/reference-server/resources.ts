import type { McpServer } from '@modelcontextprotocol/server';
import { acceptedContent, inputRequired, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { pixel } from './samples.js';

export const watched = 'test://watched-resource';

export function resources(server: McpServer, revision: () => number): void {
  server.registerResource('static-text', 'test://static-text', { description: 'A text.', mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }));
  server.registerResource('static-binary', 'test://static-binary', { description: 'An image.', mimeType: 'image/png' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'image/png', blob: pixel }],
  }));
  server.registerResource('watched-resource', watched, { description: 'A text that changes.', mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: `Revision ${revision()}` }],
  }));
  server.registerResource('asking-resource', 'test://asking-resource', { description: 'A text that asks the user first.', mimeType: 'text/plain' }, (uri, ctx) => {
    const form = z.object({ name: z.string() });
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', form);
    if (!answer) return inputRequired({ inputRequests: { user_name: inputRequired.elicit({ message: 'Who reads?', requestedSchema: form }) } });
    return { contents: [{ uri: uri.href, mimeType: 'text/plain', text: `Read by ${answer.name}` }] };
  });
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined, complete: { id: (value) => ['123', '124', '200'].filter((id) => id.startsWith(value)) } });
  server.registerResource('template', template, { description: 'A text for each id.', mimeType: 'application/json' }, (uri, { id }) => ({
    contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` }) }],
  }));
}
