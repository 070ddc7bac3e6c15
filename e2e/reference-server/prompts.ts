import type { McpServer } from '@modelcontextprotocol/server';
import { acceptedContent, completable, inputRequired } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { pixel } from './samples.js';

const said = (value: string): { role: 'user'; content: { type: 'text'; text: string } } => ({ role: 'user', content: { type: 'text', text: value } });
const places = ['paris', 'park', 'party', 'testValue1'];

export function prompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A prompt without arguments.' }, () => ({ messages: [said('This is a simple prompt for testing.')] }));
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'A prompt with two arguments.',
      argsSchema: z.object({
        arg1: completable(z.string().describe('First test argument'), (value) => places.filter((place) => place.startsWith(value))),
        arg2: z.string().describe('Second test argument'),
      }),
    },
    ({ arg1, arg2 }) => ({ messages: [said(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'A prompt with a resource in it.', argsSchema: z.object({ resourceUri: z.string().describe('URI of the resource to embed') }) },
    ({ resourceUri }) => ({
      messages: [
        { role: 'user', content: { type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } } },
        said('Please process the embedded resource above.'),
      ],
    }),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with an image in it.' }, () => ({
    messages: [{ role: 'user', content: { type: 'image', data: pixel, mimeType: 'image/png' } }, said('Please analyze the image above.')],
  }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'A prompt that asks the user first.' }, (ctx) => {
    const form = z.object({ context: z.string() });
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_context', form);
    if (!answer) {
      const user_context = inputRequired.elicit({ message: 'What context should the prompt use?', requestedSchema: form });
      return inputRequired({ inputRequests: { user_context } });
    }
    return { messages: [said(`Context: ${answer.context}`)] };
  });
}
