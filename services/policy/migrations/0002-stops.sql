-- The stops in force: folded from their event streams in the transaction that appends to them.
create table stops (
  -- In the order in which they were ordered; lists go by it.
  number bigint generated always as identity primary key,
  kind text not null,
  name text not null,
  reason text not null,
  ordered_by text not null,
  since timestamptz not null,
  unique (kind, name)
);
