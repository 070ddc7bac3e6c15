// Reads the SIEM topic and prints one line for each record; what a connector of yours would begin with.
//   node examples/siem-consumer/main.mjs [--brokers HOST:PORT,…] [--group NAME] [--count N [--timeout SECONDS]]
// With --count it ends after that many records: with 0 when all of them were as documented, with 1 otherwise or when they did not come in time.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';

const topic = 'customhouse.audit.ocsf';
/** The topic delivers at least once. This many ids are remembered to leave out what comes again; a SIEM has its own index for that. */
const remembered = 100_000;

const options = settings();
const consumer = new Kafka({ clientId: 'customhouse-siem-example', brokers: options.brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: options.group });
const seen = new Set();
let printed = 0;

try {
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await follow();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await consumer.disconnect();
}

function settings() {
  try {
    const { values } = parseArgs({
      options: {
        brokers: { type: 'string', default: '127.0.0.1:9094' },
        group: { type: 'string', default: 'customhouse-siem-example' },
        count: { type: 'string' },
        timeout: { type: 'string', default: '60' },
      },
    });
    const count = values.count === undefined ? Infinity : Number(values.count);
    if (count !== Infinity && !(Number.isInteger(count) && count > 0)) throw new Error('--count is a number of records, at least 1');
    const timeout_ms = 1_000 * Number(values.timeout);
    if (!(timeout_ms > 0)) throw new Error('--timeout is a number of seconds, more than 0');
    return { brokers: values.brokers.split(','), group: values.group, count, timeout_ms };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** Resolves when enough was printed, or on Ctrl-C; rejects when a record is not as documented, or too few came. */
function follow() {
  return new Promise((resolve, reject) => {
    if (options.count !== Infinity) setTimeout(() => reject(new Error(`${printed} of ${options.count} records came in time`)), options.timeout_ms).unref();
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart) return reject(error);
      console.error(`${error.message}; trying again`);
    });
    const eachMessage = async ({ message }) => {
      if (printed >= options.count) return;
      try {
        take(message);
      } catch (error) {
        reject(error);
        // So that the position of the group stays before it.
        throw error;
      }
      if (printed >= options.count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
}

function take({ key, value, offset }) {
  const record = JSON.parse(String(value));
  assert.equal(record.class_uid, 6003, `the record at ${offset} is not API Activity`);
  assert.equal(record.metadata.correlation_uid, String(key), `the record at ${offset} is not of the call in its key`);
  const { uid } = record.metadata;
  if (seen.has(uid)) return;
  seen.add(uid);
  if (seen.size > remembered) seen.delete(seen.values().next().value);
  printed += 1;
  const { time, severity, disposition, actor, api, resources, metadata } = record;
  const tool = resources ? `${api.service.name}/${resources[0].name}` : api.service.name;
  console.log(
    [new Date(time).toISOString(), severity, metadata.event_code, disposition, actor.app_name, actor.user?.name ?? '-', tool, metadata.correlation_uid].map(printable).join('  '),
  );
}

/** Names come from agents and servers: nothing in them reaches the terminal as a command. */
function printable(text) {
  return String(text).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
