// How long one append takes on this log, alone: `node append.mjs LOG_URL` prints {"p50":…,"p99":…} in milliseconds.
import { randomUUID } from 'node:crypto';
import { openLog } from '@customhouse/event-log/open-log';
import { logSettings } from '@customhouse/event-log/settings';
import { systemTopics } from '@customhouse/event-log/topics';
import { loadSettings } from '@customhouse/settings/settings';

const log = await openLog(loadSettings(logSettings, { CUSTOMHOUSE_LOG_URL: process.argv[2] }, () => ''));
await log.createTopics(systemTopics());
const value = Buffer.alloc(900, 'x');
const took = [];
for (let index = 0; index < 2500; index += 1) {
  const started = performance.now();
  const [result] = await log.append([{ topic: 'customhouse.findings', key: randomUUID(), value, headers: {} }], { timeout_ms: 2000 });
  if (result.outcome !== 'stored') throw result.error;
  if (index >= 500) took.push(performance.now() - started);
}
took.sort((a, b) => a - b);
const at = (q) => Number(took[Math.floor(took.length * q)].toFixed(3));
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99) }));
await log.close();
