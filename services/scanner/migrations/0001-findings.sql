-- What the detectors saw, one row a finding. The text that was found is not here, nor anywhere but sealed in the log.
create table findings (
  finding text collate "C" primary key,
  kind text not null check (kind in ('definition', 'call')),
  server text,
  tool text,
  definition text,
  call text collate "C",
  rule text not null,
  severity text not null,
  location text not null,
  message text not null,
  pack text not null,
  raised timestamptz not null
);
create index findings_by_call on findings (call) where call is not null;
create index findings_by_tool on findings (server, tool, finding desc);
create index findings_by_rule on findings (rule, finding desc);

-- Which server and tool a call under way is for: the event of its outcome does not say it again. Removed with the outcome.
create table calls_under_way (
  call text collate "C" primary key,
  server text not null,
  tool text not null,
  begun timestamptz not null
);
create index calls_under_way_by_age on calls_under_way (begun);
