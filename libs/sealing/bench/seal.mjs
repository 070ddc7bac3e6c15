// What sealing costs on the path of a call. The fastest of many rounds counts. `node tools/build.mjs` first.
import { randomBytes } from 'node:crypto';
import { KeyEncryptionKey } from '../dist/key-encryption-key.js';
import { createSealer } from '../dist/node-sealer.js';
import { newUlid } from '../dist/random.js';

const sealer = createSealer({ kek: new KeyEncryptionKey(randomBytes(32)), sink: { append: async () => ({}) }, catchUp: async () => {} });
const subject = sealer.subjectOf('default', 'ann@example.com');
const key = await sealer.keyFor(subject);
const text = (bytes) => JSON.stringify({ path: 'x7Kq "hello" '.repeat(Math.round(bytes / 15)) });
const [small, kilobyte, large] = [text(200), text(1000), text(100_000)];
const work = {
  newUlid: () => newUlid(),
  subjectOf: () => sealer.subjectOf('default', 'ann@example.com'),
  keyFor: () => sealer.keyFor(subject),
  [`seal ${small.length} bytes`]: () => sealer.seal(key, small),
  [`seal ${kilobyte.length} bytes`]: () => sealer.seal(key, kilobyte),
  [`seal ${large.length} bytes`]: () => sealer.seal(key, large),
};
const best = {};
for (let round = 0; round < 150; round += 1) {
  for (const [name, run] of Object.entries(work)) {
    const repeats = name.includes('100') && name.length > 16 ? 5 : 200;
    const start = process.hrtime.bigint();
    for (let index = 0; index < repeats; index += 1) run();
    best[name] = Math.min(best[name] ?? Infinity, Number(process.hrtime.bigint() - start) / repeats / 1000);
  }
}
for (const [name, microseconds] of Object.entries(best)) console.log(`${name}: ${microseconds.toFixed(2)} µs`);
