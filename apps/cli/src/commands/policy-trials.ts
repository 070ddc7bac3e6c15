import { Option, type Command } from 'commander';
import { GovernedMethod } from '@customhouse/policy-contract/methods';
import { policyRoutes, type PolicyDryRun } from '@customhouse/http-contract/policy';
import { versionNumber } from '../ids.js';
import { differences, readCases } from '../policy-cases.js';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs } from '../table.js';
import { assignments, jsonObject, readInput } from '../values.js';
import { visibleLine } from '../visible.js';

const each = (value: string, all: readonly string[]) => [...all, value];

/** Commands that ask what would be decided, and change nothing. */
export function addPolicyTrials(policy: Command, runtime: Runtime): void {
  const test = policy
    .command('test')
    .summary('run cases against a version')
    .description('Asks a version what it decides about each case and compares the effect, the rules that fire, what approvers are asked, and the record.')
    .argument('<file...>', 'files with cases in YAML')
    .option('--policy-version <number>', 'another version than the one that decides')
    .action(runtime.action(testCases));
  withExamples(test, { what: 'Does the policy still do what we rely on?', command: 'customhouse policy test cases.yaml' });

  const decide = policy
    .command('decide')
    .summary('ask what would be decided')
    .description('A dry run: says what a version decides about a call, and why. Nothing is called and nothing is recorded.')
    .argument('<tool>', 'SERVER/TOOL or SERVER__TOOL; for other methods SERVER/PROMPT or SERVER/URI')
    .argument('[name=value...]', 'arguments of the call')
    .option('--args <json>', 'all arguments as a JSON object')
    .addOption(new Option('--method <method>', 'the method of MCP').choices(GovernedMethod.options).default('tools/call'))
    .option('--agent <name>', 'the agent', 'agent')
    .option('--person <name>', 'the person it acts for', 'person')
    .option('--group <name>', 'a group of the person; may be repeated', each, [])
    .option('--label <label>', 'a label of the tool; may be repeated', each, [])
    .option('--finding <rule>', 'a detector rule that fired; may be repeated', each, [])
    .option('--policy-version <number>', 'another version than the one that decides')
    .action(runtime.action(decideCall));
  withExamples(decide, { what: 'May the build agent delete files?', command: 'customhouse policy decide files/delete_file path=/tmp/x --agent build --label destructive' });
}

async function testCases(session: Session, options: { readonly policyVersion?: string }, files: readonly string[]): Promise<Exit> {
  const api = session.api('policy');
  const version = versionOf(options);
  const results: { file: string; name: string; passed: boolean; problems: string[] }[] = [];
  for (const file of files) {
    for (const single of readCases(readInput(file, session.surroundings.readStdin), file).cases) {
      const answer = await api.request(policyRoutes.decide, { body: { ...version, call: single.call } });
      const problems = differences(single, answer);
      results.push({ file, name: single.name, passed: problems.length === 0, problems });
    }
  }
  const failed = results.filter((result) => !result.passed);
  session.terminal.result({ passed: results.length - failed.length, failed: failed.length, cases: results }, () => {
    const details = failed.map(({ file, name, problems }) => `FAILED  ${file}: ${visibleLine(name)}\n${problems.map((problem) => `        ${visibleLine(problem)}\n`).join('')}`);
    return `${details.join('')}${results.length - failed.length} of ${results.length} cases pass\n`;
  });
  return failed.length === 0 ? 'ok' : 'failed';
}

interface DecideOptions {
  readonly args?: string;
  readonly method: GovernedMethod;
  readonly agent: string;
  readonly person: string;
  readonly group: string[];
  readonly label: string[];
  readonly finding: string[];
  readonly policyVersion?: string;
}

async function decideCall(session: Session, options: DecideOptions, tool: string, given: readonly string[]): Promise<void> {
  const [server, name] = splitTool(tool);
  const args = { ...(options.args === undefined ? {} : jsonObject(options.args, '--args')), ...assignments(given, undefined) };
  const call = {
    method: options.method,
    agent: options.agent,
    person: options.person,
    groups: options.group,
    server,
    tool: name,
    labels: options.label,
    arguments: args,
    findings: options.finding,
  };
  const answer = await session.api('policy').request(policyRoutes.decide, { body: { ...versionOf(options), call } });
  session.terminal.result(answer, () => describe(answer));
}

function versionOf({ policyVersion }: { readonly policyVersion?: string }): { version?: number } {
  return policyVersion === undefined ? {} : { version: versionNumber(policyVersion) };
}

function splitTool(text: string): [string, string] {
  const match = /^([^/]+?)(?:\/|__)(.+)$/.exec(text);
  if (!match) throw new CliProblem('usage', `"${text}" is not a tool`, { hint: 'Write SERVER/TOOL, for example everything/echo.' });
  return [match[1]!, match[2]!];
}

function describe({ decision, reason, event, arguments_needed, visible }: PolicyDryRun): string {
  const approve = decision.obligations.approve;
  const facts = pairs([
    ['effect', decision.effect],
    ['reason', reason],
    ['version', decision.policy.number],
    ['approval', approve && `by ${approve.quorum} within ${approve.expires_s} s`],
    ['recorded as', event],
    ['listed', visible ? 'yes' : 'no'],
    ['arguments that count', arguments_needed.join(', ')],
  ]);
  return `${facts}\n${decision.rules.map((rule) => `  ${rule.effect.padEnd(6)}  ${visibleLine(rule.id)}: ${visibleLine(rule.reason)}\n`).join('')}`;
}
