-- The person who answers for the agent of a key, and what else the key says of its caller. Keys from before name no owner.
alter table keys add column owner text;
alter table keys add column attributes jsonb not null default '{}';
