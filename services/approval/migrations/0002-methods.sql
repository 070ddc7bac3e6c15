-- Not only calls of tools wait for people.
alter table requests add column method text not null default 'tools/call';
alter table requests alter column method drop default;
