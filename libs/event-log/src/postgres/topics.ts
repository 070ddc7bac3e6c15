import type { Client, Pool } from 'pg';
import type { KnownTopic } from '../topic-table.js';
import type { TopicDeclaration } from '../topics.js';

interface TopicRow {
  topic: string;
  partitions: number;
  cleanup: 'delete' | 'compact';
  retention_ms: number | null;
  max_record_bytes: number;
}

const select = 'select topic, partitions, cleanup, retention_ms::float8 as retention_ms, max_record_bytes from log.topics';

export async function loadTopics(from: Client | Pool): Promise<ReadonlyMap<string, KnownTopic>> {
  const rows = await from.query<TopicRow>(select);
  return new Map(rows.rows.map((row) => [row.topic, row]));
}

/** Creates the missing topics in one transaction and says how the others differ. */
export async function createTopics(client: Client, topics: readonly TopicDeclaration[]): Promise<readonly string[]> {
  const differences: string[] = [];
  await client.query('begin');
  try {
    await client.query(`select pg_advisory_xact_lock(hashtext('customhouse.log.topics'))`);
    const rows = await client.query<TopicRow>(select);
    const existing = new Map(rows.rows.map((row) => [row.topic, row]));
    for (const topic of topics) {
      const found = existing.get(topic.name);
      if (found === undefined) await createTopic(client, topic);
      else differences.push(...compare(topic, found));
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
  return differences;
}

async function createTopic(client: Client, topic: TopicDeclaration): Promise<void> {
  await client.query('insert into log.topics (topic, partitions, cleanup, retention_ms, max_record_bytes) values ($1, $2, $3, $4, $5)', [
    topic.name,
    topic.partitions,
    topic.cleanup,
    topic.retention_ms,
    topic.max_record_bytes,
  ]);
  await client.query('insert into log.partitions (topic, partition) select $1, generate_series(0, $2::int - 1)', [topic.name, topic.partitions]);
  const table = `log.${client.escapeIdentifier(tableName(topic.name))}`;
  await client.query(`create table ${table} partition of log.records for values in (${client.escapeLiteral(topic.name)})`);
  await client.query(`create unique index on ${table} (partition, "offset")`);
  if (topic.cleanup === 'compact') await client.query(`create index on ${table} (partition, key, "offset")`);
}

/** PostgreSQL cuts names at 63 bytes; a long one is told apart by the hash of the whole. */
function tableName(topic: string): string {
  const name = topic.replace(/^customhouse\./, '');
  if (name.length <= 48) return name;
  let hash = 0;
  for (const character of topic) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return `${name.slice(0, 40)}~${hash.toString(16)}`;
}

function compare(wanted: TopicDeclaration, found: TopicRow): string[] {
  return (['partitions', 'cleanup', 'retention_ms', 'max_record_bytes'] as const)
    .filter((member) => wanted[member] !== found[member])
    .map((member) => `topic ${wanted.name}: ${member} is ${found[member] ?? 'unlimited'}, and ${wanted[member] ?? 'unlimited'} was asked for`);
}
