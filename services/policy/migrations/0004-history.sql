-- Recorded decisions, as simulations and explanations read them: folded from customhouse.calls, and forgotten after a while (the log and
-- the ledger of the audit keep everything). What repeats from call to call is kept once a week, in history_parts.
create sequence history_numbers;

create table history_parts (
  id bigint generated always as identity primary key,
  -- Weeks since 1970. Rows refer to parts of their own week, so a week is forgotten as a whole.
  week integer not null,
  -- SHA-256 of the body.
  digest bytea not null,
  body text not null,
  unique (week, digest)
);

create table history (
  -- In the order of the log within each session.
  number bigint primary key,
  call text not null unique,
  week integer not null,
  -- When it was decided, in Unix milliseconds.
  time bigint not null,
  tenant text not null,
  -- Parts.
  caller bigint not null,
  target bigint not null,
  decision bigint not null,
  -- JSON: what else the decision was made on.
  rest text not null,
  -- JSON: the sealed arguments.
  arguments text not null
);
create index history_time on history (time);
create index history_week on history (week);

create table simulations (
  id text primary key,
  version integer not null,
  against integer,
  since timestamptz,
  until timestamptz,
  state text not null check (state in ('running', 'finished', 'failed', 'cancelled')),
  started timestamptz not null default clock_timestamp(),
  started_by text not null,
  finished timestamptz,
  total integer not null default 0,
  done integer not null default 0,
  -- JSON.
  report text,
  problem text
);

create table shadows (
  id text primary key,
  version integer not null,
  started timestamptz not null default clock_timestamp(),
  started_by text not null,
  ended timestamptz,
  ended_by text,
  -- JSON, as it grows.
  report text not null
);
create unique index shadows_one on shadows ((true)) where ended is null;
