import type { Tool } from '@modelcontextprotocol/client';
import type { Command } from 'commander';
import type { ToolResult } from '../mcp-client.js';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { callTool, exitOfCall, type CallReport } from '../tool-call.js';
import { assignments, duration, jsonObject, readInput, type JsonObject } from '../values.js';
import { visibleBlock, visibleLine } from '../visible.js';

interface CallOptions {
  readonly args: readonly string[];
  readonly wait?: string | true;
}

/** A tool may think longer than the control API. */
const toolTimeout_ms = 150_000;
/** As long as a hold can last at all. */
const untilExpiry_ms = 604_800_000;

export function addCall(program: Command, runtime: Runtime): void {
  const command = program
    .command('call')
    .summary('call a tool as an agent would, under the same rules')
    .description(
      'Makes one governed call through the address that agents use: it is identified, decided and recorded like any other, and no model is involved. Without a key it is made as the development profile of a gateway on this machine.',
    )
    .argument('<tool>', 'SERVER__TOOL, as "customhouse tools" shows it')
    .argument('[name=value...]', 'arguments of the tool')
    .option(
      '--args <json>',
      'all arguments as a JSON object, @FILE or "-" for standard input, or name=value; may be repeated',
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option('--wait [time]', 'when a person has to approve it: wait for that long, or until nobody can any more')
    .action(runtime.action(call));
  withExamples(
    command,
    { what: 'A call that the starter policy allows', command: 'customhouse call everything__echo message=hello' },
    { what: 'Arguments as JSON', command: `customhouse call everything__get-sum --args '{"a":2,"b":3}'` },
    { what: 'Wait up to ten minutes for the approval', command: 'customhouse call everything__toggle-simulated-logging --wait 10m' },
  );
}

async function call(session: Session, options: CallOptions, tool: string, pairs: readonly string[]): Promise<Exit> {
  const wait_ms = options.wait === undefined ? 0 : options.wait === true ? untilExpiry_ms : duration(options.wait);
  const given = splitArguments(session, options.args, pairs);
  const { connectAgent } = await import('../mcp-client.js');
  const agent = await connectAgent({ url: session.mcp(), key: session.givenKey(), timeout_ms: session.timeout_ms, signal: session.signal });
  try {
    const schema = given.pairs.length > 0 ? schemaOf(await agent.listTools(), tool) : undefined;
    const args = { ...given.object, ...assignments(given.pairs, schema) };
    const timeout_ms = session.timeoutGiven ? session.timeout_ms : toolTimeout_ms;
    const report = await callTool(
      agent,
      { tool, arguments: args, timeout_ms, wait_ms, pause_ms: 1_000 },
      {
        onHeld: (held) =>
          session.terminal.note(`Held for approval ${held.approval ?? '?'} (until ${held.expires ?? '?'}): waiting for a person. Ctrl-C stops waiting, not the request.`),
        onProgress: (message) => session.terminal.note(`… ${visibleLine(message)}`),
      },
    );
    session.terminal.result(report, () => resultText(report.result));
    explain(session, report);
    return exitOfCall[report.status];
  } finally {
    // The answer is known; a gateway that does not take leave is no failure of the call.
    await agent.close().catch(() => undefined);
  }
}

function splitArguments(session: Session, args: readonly string[], pairs: readonly string[]): { object: JsonObject; pairs: string[] } {
  let object: JsonObject | undefined;
  const all = [...pairs];
  for (const arg of args) {
    const whole = arg.startsWith('{') || arg === '-' || arg.startsWith('@');
    if (!whole) {
      all.push(arg);
      continue;
    }
    if (object) throw new CliProblem('usage', '--args is given twice as a whole', { hint: 'Give one JSON object, and single arguments as name=value beside it.' });
    object = arg.startsWith('{')
      ? jsonObject(arg, '--args')
      : jsonObject(readInput(arg.replace(/^@/, ''), session.surroundings.readStdin), arg === '-' ? 'standard input' : arg.slice(1));
  }
  return { object: object ?? {}, pairs: all };
}

function schemaOf(tools: readonly Tool[], name: string): JsonObject | undefined {
  return tools.find((tool) => tool.name === name)?.inputSchema as JsonObject | undefined;
}

function explain(session: Session, report: CallReport): void {
  if (session.terminal.json) return;
  const { status, approval, call: id, rules } = report;
  if (status === 'pending') {
    session.terminal.note(
      `It waits for approval ${approval}. Another person decides:\n  customhouse approvals show ${approval}\n  customhouse approvals approve ${approval}\nThe identical call, or --wait, then gets the result.`,
    );
  }
  if (status === 'refused' || status === 'denied')
    session.terminal.note(`${status === 'refused' ? 'Refused' : 'Not approved'} (${rules.join(', ')}). What happened: customhouse audit show ${id}`);
}

function resultText(result: ToolResult): string {
  const parts = result.content.map(partText);
  if (parts.length === 0 && 'structuredContent' in result) parts.push(JSON.stringify(result.structuredContent, undefined, 2));
  return parts.map((part) => (part.endsWith('\n') ? part : part + '\n')).join('');
}

function partText(part: ToolResult['content'][number]): string {
  if (part.type === 'text' && typeof part.text === 'string') return visibleBlock(part.text);
  const { type, mimeType, data, uri, name } = part;
  if (typeof data === 'string') return `[${visibleLine(type)}, ${visibleLine(String(mimeType))}, ${Math.floor((data.length * 3) / 4)} bytes]`;
  if (typeof uri === 'string') return `[${visibleLine(type)} ${visibleLine(String(name ?? ''))} ${visibleLine(uri)}]`;
  return visibleBlock(JSON.stringify(part));
}
