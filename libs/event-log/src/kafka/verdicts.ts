/**
 * What a Kafka error code in a produce response means for the records. Only codes that the broker gives before it touches
 * its log are refusals; every other code leaves the fate of the records open.
 */
const refusedForGood = new Set([
  2, // CORRUPT_MESSAGE
  10, // MESSAGE_TOO_LARGE
  17, // INVALID_TOPIC_EXCEPTION
  18, // RECORD_LIST_TOO_LARGE
  21, // INVALID_REQUIRED_ACKS
  29, // TOPIC_AUTHORIZATION_FAILED
  31, // CLUSTER_AUTHORIZATION_FAILED
  32, // INVALID_TIMESTAMP
  35, // UNSUPPORTED_VERSION
  42, // INVALID_REQUEST
  44, // POLICY_VIOLATION
  76, // UNSUPPORTED_COMPRESSION_TYPE
  87, // INVALID_RECORD
]);
const refusedForNow = new Set([
  19, // NOT_ENOUGH_REPLICAS: found out before the append, unlike NOT_ENOUGH_REPLICAS_AFTER_APPEND
  89, // THROTTLING_QUOTA_EXCEEDED
]);
/** Given before the append when this broker is not the leader, and also to a batch that waits for replicas when the leader changes. */
const refusedWithoutOffset = new Set([
  3, // UNKNOWN_TOPIC_OR_PARTITION
  6, // NOT_LEADER_OR_FOLLOWER
]);

export type Verdict = 'refused' | 'transient' | 'indeterminate';

/** `baseOffset`: -1 when the broker appended nothing; undefined when the client does not tell. */
export function verdictOf(code: number, baseOffset: number | undefined): Verdict {
  if (refusedForGood.has(code)) return 'refused';
  if (refusedForNow.has(code)) return 'transient';
  if (refusedWithoutOffset.has(code) && baseOffset === -1) return 'transient';
  return 'indeterminate';
}
