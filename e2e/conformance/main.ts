import { parseArgs } from 'node:util';
import { EmbeddedGateway } from '../modes/embedded.js';
import { root } from '../modes/process.js';
import { type Eras, ReferenceServer } from '../reference-server/http.js';
import { expectedFailures } from './expected-failures.js';
import { addressOf, closePassage, type GatewayAddress, openUp, passage } from './passage.js';
import { type Revision, revisions, runClientScenario, runServerSuite, type ScenarioResult, scenariosOf, type Suite } from './suite.js';
import { problems, type Score, score } from './verdict.js';

type Scores = Record<Suite, Partial<Record<Revision, { direct: Score; through: Score }>>>;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    url: { type: 'string' },
    eras: { type: 'string', default: 'both' },
    only: { type: 'string', multiple: true, default: ['server', 'client'] },
    revision: { type: 'string', multiple: true, default: [...revisions] },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const wanted = revisions.filter((revision) => options.revision.includes(revision));

/** Runs what was asked for, says what differs, and answers the exit code. */
async function main(): Promise<number> {
  const scores: Scores = { server: {}, client: {} };
  let wrong = 0;
  const conclude = (suite: Suite, revision: Revision, direct: ScenarioResult[], through: ScenarioResult[]): void => {
    const found = problems(
      direct,
      through,
      expectedFailures.filter((entry) => entry.suite === suite && entry.revision === revision),
    );
    scores[suite][revision] = { direct: score(direct), through: score(through) };
    say(`${suite} ${revision}: ${summary(direct)} directly, ${summary(through)} through the gateway`);
    for (const problem of found) say(`  ${problem}`);
    wrong += found.length;
  };
  await withGateway(async (gateway) => {
    if (options.only.includes('server')) await servers(gateway, conclude);
    if (options.only.includes('client')) await clients(gateway, conclude);
  });
  if (options.json) console.log(JSON.stringify(scores));
  else say(wrong === 0 ? 'nothing is lost on the way' : `${wrong} problems`);
  return wrong === 0 ? 0 : 1;
}

type Conclude = (suite: Suite, revision: Revision, direct: ScenarioResult[], through: ScenarioResult[]) => void;

async function servers(gateway: GatewayAddress, conclude: Conclude): Promise<void> {
  const fixture = options.url === undefined ? await ReferenceServer.start({ eras: options.eras as Eras }) : undefined;
  const url = options.url ?? fixture!.url;
  try {
    await openUp(gateway);
    const instead = await passage(gateway, 'reference', url);
    for (const revision of wanted) conclude('server', revision, await runServerSuite(url, revision), await runServerSuite(instead, revision));
    await closePassage(gateway, 'reference');
  } finally {
    await fixture?.close();
  }
}

async function clients(gateway: GatewayAddress, conclude: Conclude): Promise<void> {
  await openUp(gateway);
  const command = 'node e2e/dist/conformance-client.js';
  const address = { CONFORMANCE_GATEWAY: JSON.stringify(gateway) };
  for (const revision of wanted) {
    const direct: ScenarioResult[] = [];
    const through: ScenarioResult[] = [];
    for (const entry of scenariosOf('client', revision)) {
      const [one, other] = await Promise.all([runClientScenario(entry, revision, command, {}), runClientScenario(entry, revision, command, address)]);
      direct.push(one);
      through.push(other);
    }
    conclude('client', revision, direct, through);
  }
}

async function withGateway(use: (gateway: GatewayAddress) => Promise<void>): Promise<void> {
  say(`starting a gateway from ${root}`);
  // The suite changes lists several times within seconds, and waits a second and a half for the word of it.
  const gateway = new EmbeddedGateway({ CUSTOMHOUSE_REGISTRY_CHANGED_PAUSE_MS: '100' });
  try {
    await gateway.start();
    await use(addressOf(gateway));
  } finally {
    await gateway.destroy();
  }
}

function summary(results: readonly ScenarioResult[]): string {
  const { required, checks } = score(results);
  return `${required}/${results.filter((result) => result.required).length} required scenarios and ${checks} checks`;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
