-- Beside tools, servers list prompts, resources and templates of resources. All of them are kept in one table.
alter table tools rename to offers;
alter table offers rename column tool to name;
-- 'tools', 'prompts', 'resources' or 'templates'. The name is that of a tool or prompt, a URI, a template.
alter table offers add column kind text collate "C" not null default 'tools';
alter table offers alter column kind drop default;
alter table offers drop constraint tools_pkey;
alter table offers add primary key (server, kind, name);

-- Lists that could not be had or believed when the server was last reached, and why, in words.
alter table servers add column lost json not null default '{}';

-- Parts of the catalogue with a name.
create table toolsets (
  name text collate "C" primary key,
  toolset json not null,
  changed timestamptz not null default clock_timestamp()
);
