-- The state of a server's stream at a version, kept so that a long history need not be read for each decision. Written in the
-- transaction that appends; a row in another form than the program knows is not used, and the history is read instead.
create table kept_states (
  name text collate "C" primary key,
  version integer not null,
  form integer not null,
  -- Null: there is no such server at that version.
  state json
);
