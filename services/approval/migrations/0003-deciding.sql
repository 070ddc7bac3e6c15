-- What it takes to decide (see contracts/policy/src/approve.ts), how far it has come, and what one person let run alone.
alter table requests add column owner text;
alter table requests add column actors text[] not null default '{}';
alter table requests add column terms jsonb;
update requests set terms = jsonb_build_object('quorum', quorum, 'expires_s', greatest(1, extract(epoch from expires - opened)::int));
alter table requests alter column terms set not null;
alter table requests add column missing jsonb not null default '{"people": 0, "groups": []}';
alter table requests add column reminded integer not null default 0;
alter table requests add column escalated timestamptz;
alter table requests add column glass jsonb;
-- When people have to be asked again, or others have to be asked.
alter table requests add column urge_at timestamptz;
create index requests_to_urge on requests (urge_at) where urge_at is not null;
create index requests_to_review on requests (tenant, approval desc) where glass is not null and glass->'review' = 'null'::jsonb;

-- Accounts and further names of people. All that belong to one person are one when people are counted.
create table identities (
  identity text collate "C" primary key,
  tenant text not null,
  kind text not null check (kind in ('oidc', 'slack', 'teams', 'name')),
  -- The issuer, the team; empty for a name.
  authority text not null,
  -- Of a name: without differences of case and form.
  subject text not null,
  person text not null,
  -- The person without differences of case and form.
  person_key text not null,
  linked timestamptz not null default clock_timestamp(),
  linked_by text not null
);
create unique index identities_of_accounts on identities (kind, authority, subject) where kind <> 'name';
create unique index identities_of_names on identities (tenant, subject) where kind = 'name';
create index identities_by_person on identities (tenant, person_key);

-- What the last login of a person said about them.
create table people (
  tenant text not null,
  person_key text not null,
  person text not null,
  groups text[] not null,
  -- Whether they may decide about calls at all.
  approver boolean not null,
  seen timestamptz not null,
  primary key (tenant, person_key)
);

create table delegations (
  delegation text collate "C" primary key,
  tenant text not null,
  giver text not null,
  giver_key text not null,
  groups text[] not null,
  taker text not null,
  taker_key text not null,
  reason text not null,
  given timestamptz not null default clock_timestamp(),
  expires timestamptz not null,
  revoked timestamptz
);
create index delegations_by_taker on delegations (tenant, taker_key) where revoked is null;
create index delegations_by_tenant on delegations (tenant, delegation desc);

-- What people have to be told, for each way of telling them, until it was told.
create table notices (
  notice text primary key,
  place bigint generated always as identity,
  approval text collate "C" not null references requests (approval),
  channel text not null,
  kind text not null,
  about text not null,
  groups text[] not null,
  attempts integer not null default 0,
  due timestamptz not null default clock_timestamp(),
  done timestamptz,
  -- Why it was given up.
  failure text
);
create index notices_waiting on notices (channel, due) where done is null;
create index notices_in_order on notices (approval, channel, place) where done is null;
create index notices_done on notices (done) where done is not null;
