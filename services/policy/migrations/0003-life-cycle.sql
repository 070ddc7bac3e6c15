-- What a version brings along, and how far it has come.
alter table versions
  -- Canonical JSON, as it was hashed: Rego by file name, and cases as they were written.
  add column modules text not null default '{}',
  add column modules_count integer not null default 0,
  add column cases text not null default '[]',
  add column cases_count integer not null default 0,
  -- JSON: {key, value}.
  add column signature text,
  -- JSON: {number, digest, key} of the version that it was imported from.
  add column origin text,
  -- When its tests last passed. Null when they were not run, or when one failed the last time.
  add column tested timestamptz,
  -- When a simulation of it last ended.
  add column simulated timestamptz,
  -- Since when it runs in shadow.
  add column shadowed timestamptz;
