// Compares canonicalise with JSON.stringify, both up to the bytes that are hashed. Rounds alternate and the fastest counts,
// so that a busy machine disturbs both alike. `node tools/build.mjs` first.
import { canonicalise } from '../dist/canonical.js';

const id = '01K9QZ4T0000000000000000AB';
const text = (bytes) => Buffer.alloc(bytes, 'x7Kq').toString('base64url');
const call = {
  specversion: '1.0',
  id,
  type: 'customhouse.call.admitted.v1',
  source: 'customhouse/ingress/ingress-1',
  subject: `call-${id}`,
  time: '2026-11-22T13:00:00.000Z',
  datacontenttype: 'application/json',
  instance: 'ingress-1',
  epoch: '1795352400000',
  sequence: '0000000000000042',
  previoushash: text(32),
  data: {
    call: id,
    session: id,
    principal: { tenant: 'default', agent: 'claude', person: 'ann@example.com', groups: ['dev'], credential: { kind: 'key', id: 'key-1' } },
    client: { name: 'claude-code', version: '2.1' },
    network: { address: '10.0.0.1' },
    method: 'tools/call',
    server: 'everything',
    generation: 1,
    tool: 'echo',
    exposed: 'everything__echo',
    definition: text(32),
    arguments: { key: `key-${id}`, data: text(300), digest: text(32), bytes: 272 },
    findings: [],
    decision: {
      effect: 'allow',
      rules: [{ id: 'read-only-tools', effect: 'allow', reason: 'Tools that only read are allowed.' }],
      obligations: {},
      policy: { number: 1, digest: text(32) },
    },
    record: 'strict',
    deadline: '2026-11-22T13:00:30.000Z',
  },
};
const values = {
  'call.admitted as written': call,
  'call.admitted in order': JSON.parse(canonicalise(call)),
  'arguments of 550 bytes': {
    path: '/srv/data/report.csv',
    recursive: true,
    limit: 250,
    filters: [{ field: 'amount', op: 'gt', value: 100.5 }],
    note: 'Please read "the" file.\n'.repeat(17),
  },
  'result of 100 KB': { content: [{ type: 'text', text: 'a line with "quotes" and\nnewlines '.repeat(2800) }] },
  '500 rows': { rows: Array.from({ length: 500 }, (_, row) => ({ name: `row ${row}`, id: row, amount: row * 1.25, ok: row % 2 === 0 })) },
};

for (const [name, value] of Object.entries(values)) {
  const size = JSON.stringify(value).length;
  const repeats = Math.max(3, Math.round(500_000 / size));
  const ways = { stringify: (input) => Buffer.from(JSON.stringify(input)), canonicalise: (input) => Buffer.from(canonicalise(input)) };
  const best = { stringify: Infinity, canonicalise: Infinity };
  for (let round = 0; round < 80; round += 1) {
    for (const [way, run] of Object.entries(ways)) {
      const start = process.hrtime.bigint();
      for (let index = 0; index < repeats; index += 1) run(value);
      best[way] = Math.min(best[way], Number(process.hrtime.bigint() - start) / repeats / 1000);
    }
  }
  console.log(`${name} (${size} bytes): ${best.canonicalise.toFixed(1)} µs, ${(best.canonicalise / best.stringify).toFixed(2)} × JSON.stringify`);
}
