-- What every service with a database has in its own schema: streams, an outbox, and where its consumers stand.

-- A service's own facts, by stream. The version is the optimistic lock.
create table stream_events (
  stream text collate "C" not null,
  version integer not null check (version > 0),
  event_id text collate "C" not null unique,
  wire_type text not null,
  -- JSON as text: json and jsonb refuse some strings that an upstream may send.
  data text not null,
  cause text,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (stream, version)
);

-- What still has to reach the log, in the order it was written. A row leaves when the log has it.
create table outbox (
  sequence bigint generated always as identity primary key,
  kind text not null check (kind in ('event', 'removal', 'raw')),
  topic text not null,
  key text not null,
  event_id text,
  wire_type text,
  subject text,
  data text,
  cause text,
  traceparent text,
  created_ms bigint,
  value bytea,
  headers text,
  written_at timestamptz not null default clock_timestamp()
);

-- One row a consumer group: who may move its positions. The epoch fences an owner that lost its lease without noticing.
create table consumers (
  group_name text primary key,
  owner text not null,
  epoch bigint not null,
  lease_until timestamptz not null,
  -- Everything that the log accepted before this time has been processed.
  complete_until timestamptz
);

create table positions (
  group_name text not null,
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  -- When the log accepted the last record that was processed.
  appended_at timestamptz,
  primary key (group_name, topic, partition)
);

-- Ids of events that a group has processed: a duplicate is dropped. Old ids are pruned.
create table processed_events (
  group_name text not null,
  event_id text collate "C" not null,
  seen_at timestamptz not null default now(),
  primary key (group_name, event_id)
);
create index processed_events_seen_at on processed_events using brin (seen_at);

-- Records that could not be read or folded, kept whole.
create table dead_letters (
  group_name text not null,
  topic text not null,
  partition integer not null,
  log_offset bigint not null,
  key text not null,
  value bytea,
  headers text not null,
  reason text not null,
  failed_at timestamptz not null default clock_timestamp(),
  primary key (group_name, topic, partition, log_offset)
);
