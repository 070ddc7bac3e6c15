// What a decision costs with 10, 200 and 2,000 rules, measured in turns in one process, as CPU time: `npm run bench:policy [-- --json]`.
// One rule looks at the tool's arguments; the others are about other tools (by name and by pattern) and, for every tool, about other teams.
import { builtInModule, builtInVersion } from '@customhouse/policies/built-in';
import { makeVersion } from '@customhouse/policies/version';
import { compilePolicy } from '@customhouse/policy-engine/policy';

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

const least = (list) => Math.min(...list.slice(rounds / 4));
const rows = Object.keys(kinds).map((kind) => ({ kind, cpu_us: policies.map(({ cost }) => least(cost[kind])) }));
const result = {
  rules: sizes,
  cpu_us: Object.fromEntries(rows.map((row) => [row.kind, row.cpu_us.map((value) => Number(value.toFixed(2)))])),
  ratio: Object.fromEntries(rows.map((row) => [row.kind, row.cpu_us.map((value) => Number((value / row.cpu_us[0]).toFixed(2)))])),
  activation_ms: policies.map(({ activation_ms }) => Number(activation_ms.toFixed(1))),
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
}
console.log(JSON.stringify(result));
