-- The history is read in the order of time, and a row of it is found by its call. Two indexes do for that, where each call paid for four.
drop index history_time;
drop index history_week;
alter table history drop constraint history_pkey, drop column week;
alter table history add primary key (time, number);
drop sequence history_numbers;
comment on column history.number is 'Ascends within each session, where there is more than one call in a millisecond.';
-- What was encrypted cannot be compressed.
alter table history alter column arguments set storage external;

-- What happened to calls after they were decided, as far as later decisions depend on it.
create table history_marks (
  time bigint not null,
  number bigint not null,
  call text not null,
  -- sent: it had been held. found: its result had findings.
  happened text not null check (happened in ('sent', 'found')),
  -- Of what was found.
  session text,
  -- JSON.
  rules text,
  primary key (time, number),
  unique (call, happened)
);

-- What the version in the shadow remembers of the calls before: sessions, windows of limits, held calls.
create table shadow_memory (
  shadow text not null references shadows (id) on delete cascade,
  kind text not null,
  key text not null,
  -- JSON.
  value text not null,
  primary key (shadow, kind, key)
);
