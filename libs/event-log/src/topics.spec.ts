import { describe, expect, it } from '@jest/globals';
import { eventTopics, stateTopics } from '@customhouse/events/catalogue';
import { settingsOf } from './kafka/topics.js';
import { deadLetterTopic, systemTopics, TopicDeclaration } from './topics.js';

describe('the topics', () => {
  const topics = new Map(systemTopics().map((topic) => [topic.name, topic]));

  it('are those of the catalogue, no more and no fewer', () => {
    expect([...topics.keys()].sort()).toEqual([...eventTopics, ...stateTopics].sort());
  });

  it('keep facts for ever, and states by their last record; only what leaves for others expires', () => {
    for (const name of stateTopics) expect(topics.get(name)).toMatchObject({ cleanup: 'compact', retention_ms: null });
    for (const name of eventTopics)
      expect([name, topics.get(name)!.cleanup, topics.get(name)!.retention_ms]).toEqual([name, 'delete', name === 'customhouse.audit.ocsf' ? 30 * 86_400_000 : null]);
  });

  it('have a place for what a consumer cannot process', () => {
    expect(deadLetterTopic(topics.get('customhouse.calls')!, 'audit.ledger')).toMatchObject({
      name: 'customhouse.calls.dead.audit.ledger',
      cleanup: 'delete',
      max_record_bytes: 8388608,
    });
  });

  it.each([{ name: 'no spaces' }, { partitions: 0 }, { cleanup: 'both' }, { retention_ms: -1 }, { more: 1 }])('are refused when one says %j', (wrong) => {
    expect(TopicDeclaration.safeParse({ ...topics.get('customhouse.calls'), ...wrong }).success).toBe(false);
  });

  it('wait for two replicas where there are three, and never elect a replica that lags', () => {
    const calls = topics.get('customhouse.calls')!;
    expect(settingsOf(calls, 3)).toMatchObject({
      'min.insync.replicas': '2',
      'unclean.leader.election.enable': 'false',
      'retention.ms': '-1',
      'cleanup.policy': 'delete',
      'max.message.bytes': String(9 * 1024 * 1024),
    });
    expect(settingsOf(calls, 1)).toMatchObject({ 'min.insync.replicas': '1' });
  });
});
