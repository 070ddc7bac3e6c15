-- Who is logged in to the page, by the SHA-256 of what their cookie holds.
create table page_sessions (
  session text primary key,
  -- The account at the OpenID provider: what it may do is looked up anew with each request.
  issuer text not null,
  subject text not null,
  -- The request that the login was made for, where a rule wants that, and when the person proved who they are.
  fresh_for text collate "C",
  fresh_since timestamptz,
  expires timestamptz not null
);
create index page_sessions_expired on page_sessions (expires);
