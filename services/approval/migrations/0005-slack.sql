-- Signatures of requests from Slack that were taken, until their time has passed: each counts once.
create table slack_signatures (
  signature text primary key,
  seen timestamptz not null default clock_timestamp()
);
create index slack_signatures_seen on slack_signatures (seen);

-- The messages with buttons that ask about requests, and what each shows.
create table slack_messages (
  channel text not null,
  ts text not null,
  approval text collate "C" not null references requests (approval),
  -- SHA-256 of the rendering; null where not all of it is in the message, so nobody approves there.
  preview text,
  primary key (channel, ts)
);
create index slack_messages_by_approval on slack_messages (approval);
