import { Option, type Command } from 'commander';
import { GovernedMethod } from '@customhouse/policy-contract/methods';
import { policyRoutes, type PolicyDryRun, type PolicyTestRun } from '@customhouse/http-contract/policy';
import { versionNumber } from '../ids.js';
import { differences, readCases } from '../policy-cases.js';
import { isFolder, readSources } from '../policy-folder.js';
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
    .summary('run tests and cases')
    .description(
      'Runs tests in Rego and cases, and compares what is decided: the effect, the rules that fire, what approvers are asked, and the record. Of a folder: its own, with its own rules, and nothing is stored. Of files with cases: those, against a version. Without either: those that belong to the version, which is tested when all of them pass.',
    )
    .argument('[path...]', 'folders as "policy init" makes them, and files with cases in YAML')
    .option('--policy-version <number>', 'another version than the one that decides')
    .action(runtime.action(runTests));
  withExamples(
    test,
    { what: 'Does this folder do what its tests say?', command: 'customhouse policy test policy' },
    { what: 'Does the policy still do what we rely on?', command: 'customhouse policy test cases.yaml' },
    { what: 'May version 7 be activated?', command: 'customhouse policy test --policy-version 7' },
  );

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

/** One test or case, and what became of it. */
interface Tested {
  readonly where: string;
  readonly name: string;
  readonly passed: boolean;
  readonly problems: readonly string[];
}

async function runTests(session: Session, options: { readonly policyVersion?: string }, paths: readonly string[]): Promise<Exit> {
  const parts = paths.length === 0 ? [await testVersion(session, options)] : [];
  for (const path of paths) parts.push(isFolder(path) ? await testFolder(session, path) : { tests: await testCases(session, options, path), not_covered: {} });
  const tests = parts.flatMap((part) => part.tests);
  const failed = tests.filter((test) => !test.passed);
  session.terminal.result({ passed: tests.length - failed.length, failed: failed.length, tests, not_covered: parts.map((part) => part.not_covered) }, () => {
    const details = failed.map(
      ({ where, name, problems }) => `FAILED  ${visibleLine(where)}: ${visibleLine(name)}\n${problems.map((problem) => `        ${visibleLine(problem)}\n`).join('')}`,
    );
    const missed = parts.flatMap(({ not_covered }) =>
      Object.entries(not_covered).map(([file, rows]) => `no Rego test runs ${visibleLine(file)}, line ${rows.map(rangeOf).join(', ')}\n`),
    );
    return `${details.join('')}${missed.join('')}${tests.length - failed.length} of ${tests.length} tests pass\n`;
  });
  return failed.length === 0 ? 'ok' : 'failed';
}

async function testVersion(session: Session, options: { readonly policyVersion?: string }) {
  const api = session.api('policy');
  const number = versionOf(options).version ?? (await api.request(policyRoutes.active)).number;
  return inOwnWords(await api.request(policyRoutes.test, { params: { number } }), `version ${number}`);
}

async function testFolder(session: Session, path: string) {
  return inOwnWords(await session.api('policy').request(policyRoutes.check, { body: readSources(path, session.surroundings.readStdin) }), path);
}

function inOwnWords({ tests, not_covered }: PolicyTestRun, where: string): { readonly tests: Tested[]; readonly not_covered: PolicyTestRun['not_covered'] } {
  return {
    tests: tests.map(({ name, file, line, passed, message }) => ({
      where: file === null ? where : `${where} ${file}:${line}`,
      name,
      passed,
      problems: passed ? [] : message.split(/; |\n/).filter((part) => part !== ''),
    })),
    not_covered,
  };
}

async function testCases(session: Session, options: { readonly policyVersion?: string }, file: string): Promise<Tested[]> {
  const api = session.api('policy');
  const tests: Tested[] = [];
  for (const single of readCases(readInput(file, session.surroundings.readStdin), file).cases) {
    const problems = differences(single, await api.request(policyRoutes.decide, { body: { ...versionOf(options), call: single.call } }));
    tests.push({ where: file, name: single.name, passed: problems.length === 0, problems });
  }
  return tests;
}

function rangeOf([first, last]: readonly [number, number]): string {
  return first === last ? String(first) : `${first} to ${last}`;
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
