import type { CallToolResult, InputRequiredResult, InputRequest, McpServer, RequestStateCodec, ServerContext } from '@modelcontextprotocol/server';
import { acceptedContent, CLIENT_CAPABILITIES_META_KEY, inputRequired, inputResponse } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { text } from './content.js';

/** How far a call of several rounds has come. It travels through the client, signed. */
export interface Progress {
  readonly round: number;
  readonly name?: string;
}

type Outcome = CallToolResult | InputRequiredResult;

const nameForm = z.object({ name: z.string() });
const askName = (message: string): InputRequest => inputRequired.elicit({ message, requestedSchema: nameForm });
const sample = (question: string, maxTokens: number): InputRequest =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: question } }], maxTokens });

/**
 * Tools that ask the client something before they can answer. Each is written once, as rounds; for a client of an earlier revision the SDK asks by
 * requests of its own and runs the next round itself.
 */
export function askingTools(server: McpServer, state: RequestStateCodec<Progress>): void {
  server.registerTool('test_elicitation', { description: 'Asks the user.', inputSchema: z.object({ message: z.string() }) }, ({ message }, ctx) =>
    elicit(ctx, message, {
      type: 'object',
      properties: { username: { type: 'string', description: "User's response" }, email: { type: 'string', description: "User's email address" } },
      required: ['username', 'email'],
    }),
  );
  server.registerTool('test_elicitation_sep1034_defaults', { description: 'Asks the user, with a default for every type.' }, (ctx) => elicit(ctx, 'Please review', withDefaults));
  server.registerTool('test_elicitation_sep1330_enums', { description: 'Asks the user, with every kind of choice.' }, (ctx) => elicit(ctx, 'Please choose', withChoices));
  server.registerTool('test_url_elicitation', { description: 'Sends the user to a page.' }, (ctx): Outcome => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'page');
    if (answer.kind !== 'elicit') return inputRequired({ inputRequests: { page: inputRequired.elicitUrl({ message: 'Please sign in', url: 'https://example.com/sign-in' }) } });
    return text(`User went: ${answer.action}`);
  });
  server.registerTool('test_sampling', { description: "Asks the client's model.", inputSchema: z.object({ prompt: z.string() }) }, ({ prompt }, ctx) => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'answer');
    if (answer.kind !== 'sampling') return inputRequired({ inputRequests: { answer: sample(prompt, 100) } });
    return text(`LLM response: ${JSON.stringify(answer.result.content)}`);
  });
  server.registerTool('test_missing_capability', { description: 'Cannot work without sampling.' }, () => inputRequired({ inputRequests: { thought: sample('What now?', 10) } }));
  server.registerTool('test_streaming_elicitation', { description: 'Asks the user on a streamed answer.' }, async (ctx) => {
    await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: ctx.mcpReq._meta?.progressToken ?? 'none', progress: 1 } });
    return elicit(ctx, 'Go on?', { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] });
  });
  roundTools(server, state);
}

function roundTools(server: McpServer, state: RequestStateCodec<Progress>): void {
  server.registerTool('test_input_required_result_elicitation', { description: 'Asks for a name.' }, (ctx): Outcome => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', nameForm);
    return answer ? text(`Hello, ${answer.name}!`) : inputRequired({ inputRequests: { user_name: askName('What is your name?') } });
  });
  server.registerTool('test_input_required_result_sampling', { description: 'Asks the model.' }, (ctx): Outcome => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'capital_question');
    if (answer.kind !== 'sampling') return inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?', 100) } });
    return text(JSON.stringify(answer.result.content));
  });
  server.registerTool('test_input_required_result_list_roots', { description: 'Asks for the roots.' }, (ctx): Outcome => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'client_roots');
    if (answer.kind !== 'roots') return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    return text(`Roots: ${answer.roots.map((root) => root.uri).join(', ')}`);
  });
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    server.registerTool(name, { description: 'Asks for a confirmation and checks its own state.' }, async (ctx) => {
      if (ctx.mcpReq.requestState<Progress>()?.round === 1 && inputResponse(ctx.mcpReq.inputResponses, 'confirm').kind === 'elicit') return text('state-ok');
      const confirm = inputRequired.elicit({ message: 'Please confirm', requestedSchema: z.object({ ok: z.boolean() }) });
      return inputRequired({ inputRequests: { confirm }, requestState: await state.mint({ round: 1 }, ctx) });
    });
  }
  server.registerTool('test_input_required_result_multiple_inputs', { description: 'Asks for three things at once.' }, (ctx) => several(ctx, state));
  server.registerTool('test_input_required_result_multi_round', { description: 'Asks twice.' }, (ctx) => twice(ctx, state));
  server.registerTool('test_input_required_result_capabilities', { description: 'Asks only what the client can answer.' }, (ctx): Outcome => {
    const envelope = ctx.mcpReq.envelope as Record<string, unknown> | undefined;
    const declared = (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? server.server.getClientCapabilities() ?? {}) as Record<string, unknown>;
    const asked = {
      ...(declared['elicitation'] ? { user_name: askName('What is your name?') } : {}),
      ...(declared['sampling'] ? { greeting: sample('Generate a greeting', 50) } : {}),
    };
    if (Object.keys(asked).length === 0 || ctx.mcpReq.inputResponses) return text('Nothing to ask.');
    return inputRequired({ inputRequests: asked });
  });
}

async function several(ctx: ServerContext, state: RequestStateCodec<Progress>): Promise<Outcome> {
  const name = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', nameForm)?.name;
  const greeting = inputResponse(ctx.mcpReq.inputResponses, 'greeting');
  const roots = inputResponse(ctx.mcpReq.inputResponses, 'client_roots');
  if (name !== undefined && greeting.kind === 'sampling' && roots.kind === 'roots') return text(`${JSON.stringify(greeting.result.content)} ${name}, ${roots.roots.length} roots`);
  return inputRequired({
    inputRequests: { user_name: askName('What is your name?'), greeting: sample('Generate a greeting', 50), client_roots: inputRequired.listRoots() },
    requestState: await state.mint({ round: 1 }, ctx),
  });
}

async function twice(ctx: ServerContext, state: RequestStateCodec<Progress>): Promise<Outcome> {
  const reached = ctx.mcpReq.requestState<Progress>();
  const colour = acceptedContent(ctx.mcpReq.inputResponses, 'step2', z.object({ color: z.string() }));
  if (reached?.round === 2 && colour) return text(`${reached.name} likes ${colour.color}.`);
  const name = reached?.name ?? acceptedContent(ctx.mcpReq.inputResponses, 'step1', nameForm)?.name;
  if (reached && name !== undefined) {
    const step2 = inputRequired.elicit({ message: 'Step 2: What is your favorite color?', requestedSchema: z.object({ color: z.string() }) });
    return inputRequired({ inputRequests: { step2 }, requestState: await state.mint({ round: 2, name }, ctx) });
  }
  return inputRequired({ inputRequests: { step1: askName('Step 1: What is your name?') }, requestState: await state.mint({ round: 1 }, ctx) });
}

type Form = Exclude<Parameters<typeof inputRequired.elicit>[0]['requestedSchema'], { '~standard': unknown }>;

function elicit(ctx: ServerContext, message: string, requestedSchema: Form): Outcome {
  const answer = inputResponse(ctx.mcpReq.inputResponses, 'answer');
  if (answer.kind !== 'elicit') return inputRequired({ inputRequests: { answer: inputRequired.elicit({ message, requestedSchema }) } });
  return text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
}

const withDefaults: Form = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'User name', default: 'John Doe' },
    age: { type: 'integer', description: 'User age', default: 30 },
    score: { type: 'number', description: 'User score', default: 95.5 },
    status: { type: 'string', description: 'User status', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', description: 'Verification status', default: true },
  },
  required: [],
};

const titled = (values: string[], word: string): { const: string; title: string }[] =>
  values.map((value, index) => ({ const: value, title: `${['First', 'Second', 'Third'][index]} ${word}` }));

const withChoices: Form = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: titled(['value1', 'value2', 'value3'], 'Option') },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: titled(['value1', 'value2', 'value3'], 'Choice') } },
  },
  required: [],
};
