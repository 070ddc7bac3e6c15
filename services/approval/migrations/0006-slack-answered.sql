-- A request of Slack that was taken and never answered died with the process that took it: when it comes again, it counts.
alter table slack_signatures add column answered boolean not null default false;
