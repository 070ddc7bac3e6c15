// What a decision costs with 10, 200 and 2,000 rules, measured in turns in one process, as CPU time: `npm run bench:policy [-- --json]`.
// One rule looks at the tool's arguments; the others are about other tools (by name and by pattern) and, for every tool, about other teams.
// Rego of a version's own is decided in a thread (decisions.md); beside that stands what the same would cost without one.
import { builtInModule, builtInProgram, builtInVersion } from '@customhouse/policies/built-in';
import { makeVersion, sha256 } from '@customhouse/policies/version';
import { compilePolicy } from '@customhouse/policy-engine/policy';
import { compileGuarded } from '@customhouse/rego/guarded-policy';
import { RegoCompiler } from '@customhouse/rego/rego-compiler';

const sizes = [10, 200, 2000];
const rounds = 60;
const calls = 2000;

function rulesOf(count) {
  const rules = [
    ...builtInVersion('starter').rules.rules,
    { id: 'not-below-etc', effect: 'refuse', reason: 'System files stay where they are.', tools: ['files/*'], when: [{ argument: '/path', is: 'like', value: '/etc/*' }] },
  ];
  while (rules.length < count) rules.push(otherRule(rules.length));
  return { version: 1, rules };
}

function otherRule(number) {
  const rule = { id: `other-${number}`, effect: ['allow', 'hold', 'refuse'][number % 3], reason: 'This is about something else.' };
  if (number % 3 === 0) return { ...rule, tools: [`server-${number}/tool`] };
  if (number % 3 === 1) return { ...rule, tools: [`server-${number}-*/get_*`] };
  return { ...rule, tools: ['*/*'], who: { groups: [`team-${number}`] } };
}

function callOf(changes) {
  return {
    principal: { tenant: 'default', agent: 'claude', person: 'ann@example.com', groups: ['engineering', 'staff'], credential: 'key' },
    client: { name: 'claude-code', version: '2.0.1' },
    network: { address: '10.1.2.3' },
    session: '01M81NF4NN24DW2FCP3ZYVYVPS',
    time: 1_795_356_037_000,
    method: 'tools/call',
    server: 'files',
    tool: 'read_file',
    labels: ['read-only', 'idempotent'],
    arguments: {},
    findings: [],
    ...changes,
  };
}

const looked = callOf({ arguments: { '/path': '/home/ann/projects/notes.txt' } });
const plain = callOf({ server: 'wiki', tool: 'read_page' });
const kinds = {
  'arguments looked at': (policy) => policy.decide(looked),
  'no arguments, first time': (_, forgetful) => forgetful.decide(plain),
  'no arguments, again': (policy) => policy.decide(plain),
};

const policies = [];
for (const size of sizes) {
  const version = makeVersion({ number: size, module: builtInModule().digest, rules: rulesOf(size), note: '' });
  const begun = performance.now();
  const policy = await compilePolicy(version, builtInModule().wasm);
  const activation_ms = performance.now() - begun;
  const forgetful = await compilePolicy(version, builtInModule().wasm, { remembered_decisions: 0 });
  for (const decide of Object.values(kinds)) if (decide(policy, forgetful).effect !== 'allow') throw new Error('the measured calls must be allowed');
  policies.push({ size, policy, forgetful, activation_ms, cost: Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []])) });
}

function cpu_us(work) {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

// The first rounds warm up. Whoever else uses the machine adds to a round and never takes from it, so the least is the truest.
for (let round = 0; round < rounds; round += 1) {
  for (const { policy, forgetful, cost } of policies) for (const [kind, decide] of Object.entries(kinds)) cost[kind].push(cpu_us(() => decide(policy, forgetful)));
}

const ownRego = `package customhouse.custom
arguments := {"/path"}
fired contains {"id": "too-deep", "effect": "refuse", "reason": "Nothing lies that deep."} if count(split(input.arguments["/path"], "/")) > 20
`;

/** The same version decided here and in a thread, one call after the other: CPU time of all threads, and time by the clock. */
async function measureOwnRego() {
  const compiler = new RegoCompiler();
  const { modules, entrypoints } = builtInProgram();
  const wasm = await compiler.compile({ ...modules, 'custom/own.rego': ownRego }, entrypoints);
  await compiler.close();
  const version = makeVersion({ number: 1, module: sha256(wasm), rules: rulesOf(10), modules: { 'own.rego': ownRego }, note: '' });
  const measured = {};
  for (const [name, policy] of [
    ['here', await compilePolicy(version, wasm)],
    ['thread', await compileGuarded(version, wasm, { timeout_ms: 10_000 })],
  ]) {
    const costs = [];
    for (let round = 0; round < rounds; round += 1) {
      const [cpu, clock] = [process.cpuUsage(), performance.now()];
      for (let call = 0; call < calls / 10; call += 1) {
        const decided = policy.decide(looked);
        if ((policy.instant ? decided : await decided).effect !== 'allow') throw new Error('the measured calls must be allowed');
      }
      const { user, system } = process.cpuUsage(cpu);
      costs.push({ cpu_us: ((user + system) * 10) / calls, clock_us: ((performance.now() - clock) * 10_000) / calls });
    }
    policy.close();
    const of = (what) => Number(least(costs.map((cost) => cost[what])).toFixed(1));
    measured[name] = { cpu_us: of('cpu_us'), clock_us: of('clock_us') };
  }
  return measured;
}

const least = (list) => Math.min(...list.slice(rounds / 4));
const rows = Object.keys(kinds).map((kind) => ({ kind, cpu_us: policies.map(({ cost }) => least(cost[kind])) }));
const result = {
  rules: sizes,
  cpu_us: Object.fromEntries(rows.map((row) => [row.kind, row.cpu_us.map((value) => Number(value.toFixed(2)))])),
  ratio: Object.fromEntries(rows.map((row) => [row.kind, row.cpu_us.map((value) => Number((value / row.cpu_us[0]).toFixed(2)))])),
  activation_ms: policies.map(({ activation_ms }) => Number(activation_ms.toFixed(1))),
  own_rego: await measureOwnRego(),
};

if (!process.argv.includes('--json')) {
  const line = (title, values) => `${title.padEnd(28)}${values.map((value) => String(value).padStart(14)).join('')}`;
  console.log(
    line(
      'CPU µs per decision',
      sizes.map((size) => `${size} rules`),
    ),
  );
  for (const { kind, cpu_us: values } of rows)
    console.log(
      line(
        kind,
        values.map((value, index) => `${value.toFixed(2)} (×${result.ratio[kind][index].toFixed(2)})`),
      ),
    );
  console.log(line('activation, ms', result.activation_ms));
  for (const [where, { cpu_us: cpu, clock_us: clock }] of Object.entries(result.own_rego))
    console.log(`Rego of the version's own, 10 rules, ${where === 'here' ? 'without a thread' : 'in a thread'}: ${cpu} µs CPU, ${clock} µs by the clock`);
}
console.log(JSON.stringify(result));
