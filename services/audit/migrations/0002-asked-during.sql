-- Of what a server asks of a client: the call in whose course it does.
alter table calls add column during text;
create index calls_during on calls (during) where during is not null;
