import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A topic as data (infra/kafka/topics.json). Both engines are set up from the same list. */
export const TopicDeclaration = z.strictObject({
  /** Also a legal Kafka topic name. */
  name: z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/),
  /** Never change it for a living topic: a key would move to another partition, and its order would be lost. */
  partitions: z.int().min(1).max(1000),
  /** `delete`: kept for `retention_ms`. `compact`: the last record of each key is kept. */
  cleanup: z.enum(['delete', 'compact']),
  /** Null: kept for ever. */
  retention_ms: z.int().positive().nullable(),
  /** Limit of one record's value. */
  max_record_bytes: z.int().positive(),
});
export type TopicDeclaration = z.infer<typeof TopicDeclaration>;

/** What every engine offers for setting itself up. */
export interface TopicAdmin {
  /**
   * Creates what is missing and waits until it can be written. What exists is compared, never changed: the answer lists each
   * difference in a sentence. Throws when the engine cannot be reached or refuses.
   */
  createTopics(topics: readonly TopicDeclaration[]): Promise<readonly string[]>;
}

/** The topics of the system. The path is the same from src/ and dist/. Throws when the file is missing or wrong. */
export function systemTopics(file: URL = new URL('../../../infra/kafka/topics.json', import.meta.url)): readonly TopicDeclaration[] {
  return z.array(TopicDeclaration).parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** Where a consumer group puts the records of a topic that it cannot process. Kept for 30 days. */
export function deadLetterTopic(of: TopicDeclaration, group: string): TopicDeclaration {
  return { name: `${of.name}.dead.${group}`, partitions: 1, cleanup: 'delete', retention_ms: 30 * 86_400_000, max_record_bytes: of.max_record_bytes };
}
