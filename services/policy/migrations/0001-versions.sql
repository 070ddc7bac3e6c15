-- Compiled policy modules, by their SHA-256. Kept for ever, so that every decision can be made again.
create table modules (
  digest text primary key,
  wasm bytea not null,
  added timestamptz not null default clock_timestamp()
);

-- The view of policy versions: folded from their event streams in the transaction that appends to them, so it is never behind.
create table versions (
  number integer primary key check (number >= 0),
  digest text not null,
  module text not null references modules (digest),
  -- Canonical JSON, as it was hashed.
  rules text not null,
  rules_count integer not null,
  note text not null,
  drafted timestamptz not null default clock_timestamp(),
  drafted_by text not null,
  active boolean not null default false,
  activated timestamptz,
  activated_by text
);
create unique index versions_active on versions (active) where active;
