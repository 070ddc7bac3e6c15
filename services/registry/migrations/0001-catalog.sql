-- The view of servers, folded from their event streams in the transaction that appends to them, and what discovery last found.
create table servers (
  name text collate "C" primary key,
  generation integer not null,
  transport json not null,
  enabled boolean not null,
  -- Null until discovery was tried.
  reachable boolean,
  problem text,
  protocol text,
  -- The answer to `initialize`, as it came. `json` keeps the order of its members.
  discovered json,
  looked timestamptz,
  -- Discovery is due at this time; whoever takes it moves it on first.
  due timestamptz not null default clock_timestamp()
);
create index servers_due on servers (due) where enabled;

-- The tools that servers offer now.
create table tools (
  server text collate "C" not null references servers on delete cascade,
  tool text collate "C" not null,
  digest text not null,
  definition json not null,
  accepted text,
  labels text[] not null default '{}',
  -- Place in the server's own list.
  place integer not null,
  seen timestamptz not null default clock_timestamp(),
  primary key (server, tool)
);

create table keys (
  id text collate "C" primary key,
  hash text not null,
  tenant text not null,
  agent text not null,
  person text not null,
  groups text[] not null,
  roles text[] not null,
  created timestamptz not null,
  expires timestamptz,
  revoked boolean not null default false
);
create index keys_by_age on keys (tenant, created desc, id);
