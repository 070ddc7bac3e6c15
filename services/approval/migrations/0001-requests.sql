-- The view of approval requests: folded from their event streams in the transaction that appends to them, so it is never behind.
create table requests (
  approval text collate "C" primary key,
  call text collate "C" not null unique,
  tenant text not null,
  agent text not null,
  person text not null,
  server text not null,
  tool text not null,
  rules text[] not null,
  -- Why it is held.
  reason text not null,
  binding text not null,
  quorum integer not null check (quorum > 0),
  opened timestamptz not null default clock_timestamp(),
  expires timestamptz not null,
  -- The held event: where it lies, the process that wrote it, and its data as JSON (the arguments in it are sealed).
  held_partition integer not null,
  held_offset bigint not null,
  holder text not null,
  held text not null,

  status text not null check (status in ('open', 'granted', 'dispatching', 'denied', 'expired', 'cancelled', 'closed')),
  approvers text[] not null default '{}',
  decided timestamptz,
  decided_by text[] not null default '{}',
  decision text,
  dispatcher jsonb,
  terminal text,
  closed timestamptz,

  -- What the log shows about the call beside its end: whether a dispatch was recorded, and how far it must be read before the lack of one is proven.
  dispatched boolean not null default false,
  barrier bigint,
  -- The key is still in the topic of states.
  published boolean not null default true
);
create index requests_by_tenant on requests (tenant, approval desc);
create index requests_waiting on requests (expires) where status <> 'closed';
create index requests_published on requests (closed) where published and status = 'closed';

-- The processes that write to the log, by their signs of life in customhouse.sources.
create table writers (
  instance text primary key,
  service text not null,
  -- Unix milliseconds.
  epoch bigint not null,
  closed boolean not null,
  heard timestamptz not null
);
