import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { policyTrialRoutes, type PolicyExplanation, type PolicyShadow, type PolicySimulation } from '@customhouse/http-contract/policy-trials';
import { describeBlastRadius } from '../blast-radius-text.js';
import { checkedUlid, versionNumber } from '../ids.js';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, type Column } from '../table.js';
import { moment } from '../values.js';
import { visibleBlock, visibleLine } from '../visible.js';

const pollEvery_ms = 300;
const mostOnAPage = 50;

const columns: readonly Column<PolicySimulation>[] = [
  { title: 'SIMULATION', value: (row) => row.id },
  { title: 'VERSION', value: (row) => row.version },
  { title: 'AGAINST', value: (row) => row.against ?? 'the record' },
  { title: 'STATE', value: (row) => (row.state === 'running' ? `running, ${row.done} of ${row.total}` : row.state) },
  { title: 'STARTED', value: (row) => row.started },
  { title: 'BY', value: (row) => row.started_by, max: 32 },
  { title: 'CHANGED', value: (row) => row.report && row.report.calls - row.report.unchanged - row.report.erased - row.report.unreadable },
];

/** Commands that look at what was decided: to try a version on it, and to explain it. */
export function addPolicyHistory(policy: Command, runtime: Runtime): void {
  const simulate = policy
    .command('simulate')
    .summary('decide recorded calls again by a version')
    .description(
      'Runs a version over the calls that were recorded, each with its caller, labels, counters and arguments as they were then, and shows what it would have decided otherwise. Nothing is called and nothing changes.',
    )
    .argument('<version>', 'number of the version on trial')
    .option('--against <version>', 'compare with what this version decides, instead of with what was decided then')
    .option('--since <time>', 'calls from then on: 2h, 7d, a date or a timestamp')
    .option('--until <time>', 'calls before then')
    .option('--calls <n>', 'at most so many, the newest')
    .option('--no-wait', 'do not wait for the end')
    .action(runtime.action(simulateVersion));
  withExamples(simulate, { what: 'What would version 7 have changed last week?', command: 'customhouse policy simulate 7 --since 7d' });

  const simulations = policy.command('simulations').summary('list simulations, or show one').description('Lists simulations, newest first, or shows the report of one.');
  addPageOptions(simulations.argument('[simulation]', 'id of a simulation').option('--cancel', 'cancel it')).action(runtime.action(showSimulations));

  const shadow = policy
    .command('shadow')
    .summary('let a version run in the shadow of the active one')
    .description(
      'With a version: lets it decide every call that comes, after the call was decided, and count what it would have decided otherwise. No call waits for it. Without: shows what was counted so far.',
    )
    .argument('[version]', 'number of the version on trial')
    .option('--end', 'end the shadow; its report is kept')
    .action(runtime.action(shadowVersion));
  withExamples(shadow, { what: 'Try version 7 on live calls, and see later', command: 'customhouse policy shadow 7 && sleep 3600 && customhouse policy shadow' });

  const explain = policy
    .command('explain')
    .summary('explain the decision on a call')
    .description('Makes a recorded decision again, on the recorded input and by the version of then, and says whether it is the same. Arguments are shown to auditors.')
    .argument('<call>', 'id of the call')
    .option('--policy-version <number>', 'ask this version about the same call')
    .action(runtime.action(explainCall));
  withExamples(explain, { what: 'Why was this call refused?', command: 'customhouse policy explain 01M81NF4YVPF6CEJC0V1CN3HSK' });
}

interface SimulateOptions {
  readonly against?: string;
  readonly since?: string;
  readonly until?: string;
  readonly calls?: string;
  readonly wait: boolean;
}

async function simulateVersion(session: Session, options: SimulateOptions, version: string): Promise<Exit | void> {
  const api = session.api('policy');
  const { against, since, until, calls } = options;
  if (calls !== undefined && !/^[1-9]\d{0,8}$/.test(calls)) throw new CliProblem('usage', `--calls is "${calls}": it must be a whole number from 1 on`);
  const body = {
    version: versionNumber(version),
    against: against === undefined ? undefined : versionNumber(against),
    since: since === undefined ? undefined : moment(since, Date.now()),
    until: until === undefined ? undefined : moment(until, Date.now()),
    calls: calls === undefined ? undefined : Number(calls),
  };
  const begun = await api.request(policyTrialRoutes.simulate, { body });
  const show = `customhouse policy simulations ${begun.id}`;
  if (!options.wait) return session.terminal.result(begun, () => `The simulation ${begun.id} has begun: ${show}\n`);
  const ended = await waitFor(session, begun);
  if (ended === undefined) {
    session.terminal.note(`The simulation goes on: ${show}`);
    return 'interrupted';
  }
  session.terminal.result(ended, () => describeSimulation(ended));
  return ended.state === 'finished' ? 'ok' : 'failed';
}

/** The simulation when it has ended; undefined when somebody did not want to wait any longer. */
async function waitFor(session: Session, begun: PolicySimulation): Promise<PolicySimulation | undefined> {
  let simulation = begun;
  while (simulation.state === 'running') {
    await sleep(pollEvery_ms, undefined, { signal: session.signal }).catch(() => undefined);
    if (session.signal.aborted) return undefined;
    simulation = await session.api('policy').request(policyTrialRoutes.simulation, { params: { id: begun.id } });
  }
  return simulation;
}

async function showSimulations(session: Session, options: PageOptions & { readonly cancel?: true }, id: string | undefined): Promise<void> {
  const api = session.api('policy');
  if (id === undefined) {
    if (options.cancel) throw new CliProblem('usage', 'say which simulation is to be cancelled', { hint: '"customhouse policy simulations" lists them.' });
    const page = await readPages(options, (query) => api.request(policyTrialRoutes.simulations, { query: { ...query, limit: Math.min(query.limit, mostOnAPage) } }));
    return showPage(session, page, columns, 'There are no simulations.');
  }
  const params = { id: checkedUlid(id, 'a simulation', 'customhouse policy simulations') };
  const simulation = await api.request(options.cancel ? policyTrialRoutes.cancelSimulation : policyTrialRoutes.simulation, { params });
  session.terminal.result(simulation, () => describeSimulation(simulation));
}

async function shadowVersion(session: Session, options: { readonly end?: true }, version: string | undefined): Promise<void> {
  const api = session.api('policy');
  if (options.end && version !== undefined) throw new CliProblem('usage', 'give either a version, to begin, or --end');
  if (options.end) {
    const ended = await api.request(policyTrialRoutes.endShadow);
    return session.terminal.result(ended, () => describeShadow(ended));
  }
  if (version === undefined) {
    const shadow = await api.request(policyTrialRoutes.shadow);
    return session.terminal.result(shadow, () => describeShadow(shadow));
  }
  const started = await api.request(policyTrialRoutes.startShadow, { body: { version: versionNumber(version) } });
  session.terminal.result(started, () => `Version ${started.version} runs in the shadow of the active one: "customhouse policy shadow" shows how it differs.\n`);
}

async function explainCall(session: Session, options: { readonly policyVersion?: string }, id: string): Promise<Exit> {
  const params = { call: checkedUlid(id, 'a call', 'customhouse audit search') };
  const query = options.policyVersion === undefined ? {} : { version: versionNumber(options.policyVersion) };
  const explained = await session.api('policy').request(policyTrialRoutes.explain, { params, query });
  session.terminal.result(explained, () => describeExplanation(explained));
  // Another version may well decide otherwise; the same one may not.
  return explained.same === false && options.policyVersion === undefined ? 'failed' : 'ok';
}

function describeSimulation(simulation: PolicySimulation): string {
  const { report, problem } = simulation;
  const facts = pairs([
    ['simulation', simulation.id],
    ['version', simulation.version],
    ['compared with', simulation.against === null ? 'what was decided then' : `version ${simulation.against}`],
    ['state', simulation.state === 'running' ? `running, ${simulation.done} of ${simulation.total} calls` : simulation.state + (problem === null ? '' : `: ${problem}`)],
  ]);
  return report === null ? facts : `${facts}${describeBlastRadius(report)}`;
}

function describeShadow(shadow: PolicyShadow): string {
  const facts = pairs([
    ['version', shadow.version],
    ['in the shadow', `since ${shadow.started} (${shadow.started_by})`],
    ...(shadow.ended === null ? [] : [['ended', `${shadow.ended} (${shadow.ended_by ?? '?'})`] as const]),
  ]);
  return `${facts}${describeBlastRadius(shadow.report)}`;
}

const argumentsText: Readonly<Record<PolicyExplanation['arguments'], string>> = {
  read: 'in the input',
  withheld: 'read, and not shown: that needs the role auditor',
  erased: 'erased',
  unreadable: 'unreadable',
  unused: 'no rule looks at any',
};

function describeExplanation(explained: PolicyExplanation): string {
  const { recorded, again, input, same, problem } = explained;
  const verdict = same === null ? null : same ? 'the same' : `DIFFERENT: ${again?.effect ?? '?'}`;
  const facts = pairs([
    ['call', explained.call],
    ['decided', `${explained.time}, by ${explained.decided_by === 'policy' ? `version ${recorded.policy.number}` : 'the gateway itself, which asked no rules'}`],
    ['effect', recorded.effect],
    ['again', again && `${verdict ?? ''}, by version ${again.policy.number}`],
    ['reason', explained.reason],
    ['arguments', argumentsText[explained.arguments]],
    ...(problem === null ? [] : [['problem', problem] as const]),
  ]);
  const rules = (again ?? recorded).rules.map((rule) => `  ${rule.effect.padEnd(6)}  ${visibleLine(rule.id)}: ${visibleLine(rule.reason)}\n`).join('');
  return `${facts}\nRules\n${rules}${input === null ? '' : `\nInput\n${visibleBlock(JSON.stringify(input, undefined, 2))}\n`}`;
}
