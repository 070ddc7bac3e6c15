-- Every event as the log has it. The id is a ULID, so a range of ids is a range of time; it is unique over all partitions, which
-- makes a duplicate impossible for as long as its partition exists.
create sequence event_numbers;

create table events (
  id text collate "C" not null primary key,
  -- Order in which the ledger took them in: what a tail and an export go by.
  number bigint not null default nextval('event_numbers'),
  topic text not null,
  partition integer not null,
  log_offset bigint not null,
  key text not null,
  appended_ms bigint not null,
  wire_type text not null,
  call text collate "C",
  -- The canonical bytes.
  bytes bytea not null
) partition by range (id);
-- Most of it is sealed, hence incompressible.
alter table events alter column bytes set storage external;
create index events_number on events (number);
create index events_call on events (call, number) where call is not null;

-- What has an id of no range that there is.
create table events_default partition of events default;

-- One row a call, folded from its events. Times are text of one width, as in the events.
create table calls (
  call text collate "C" not null primary key,
  status text not null,
  tenant text,
  intent_event text,
  intent_time text,
  session text,
  agent text,
  person text,
  client_name text,
  client_version text,
  address text,
  method text,
  server text,
  tool text,
  exposed text,
  definition text,
  effect text,
  rules text not null,
  rule_ids text[] not null,
  policy_number integer,
  policy_digest text,
  arguments_bytes integer,
  arguments_digest text,
  dispatch_event text,
  responsible_instance text,
  responsible_epoch text,
  end_event text,
  end_time text,
  error boolean,
  reason text,
  upstream_ms double precision,
  result_bytes integer,
  result_digest text,
  findings text[] not null,
  approval text,
  anomaly_ids text[] not null,
  anomaly_kinds text[] not null,
  words tsvector not null
) partition by range (call);
create index calls_agent on calls (tenant, agent, call desc);
create index calls_person on calls (tenant, person, call desc);
create index calls_tool on calls (tenant, server, tool, call desc);
create index calls_session on calls (tenant, session, call desc);
create index calls_status on calls (tenant, status, call desc);
create index calls_rules on calls using gin (rule_ids);
create index calls_words on calls using gin (words);
-- Calls that somebody still has to end.
create index calls_open on calls (responsible_instance) where responsible_instance is not null;

create table calls_default partition of calls default;

-- Events that contradict the record of their call.
create table anomalies (
  id text collate "C" not null primary key,
  call text collate "C" not null,
  kind text not null,
  wire_type text not null,
  event_time text not null,
  topic text not null,
  partition integer not null,
  log_offset bigint not null
);

-- Processes that write to the log, and the clock that their silence is measured by.
create table writers (
  instance text primary key,
  run text not null,
  epoch text not null,
  closed boolean not null,
  seen_ms bigint not null
);
create table log_clock (
  one boolean primary key default true check (one),
  newest_ms bigint not null,
  active_ms bigint not null
);
insert into log_clock (newest_ms, active_ms) values (0, 0);

create table rebuilds (
  id bigint generated always as identity primary key,
  state text not null,
  source text not null,
  started timestamptz not null default clock_timestamp(),
  finished timestamptz,
  events bigint not null default 0,
  calls bigint not null default 0,
  equal boolean,
  live_hash text,
  rebuilt_hash text,
  problem text
);
