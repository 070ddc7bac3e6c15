-- What a definition is of: servers describe tools, prompts, resources and templates of resources, and a model reads all of that.
-- `tool` has the name, the URI or the template. Null for a finding about a call.
alter table findings add column item text check (item in ('tool', 'prompt', 'resource', 'template'));
update findings set item = 'tool' where kind = 'definition';
