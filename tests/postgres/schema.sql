-- A schema of the breadth of PostgreSQL's own regression database: one or more of everything that is carried over.
create schema shop;
create schema "Odd Schema";

create collation shop.numeric_order (provider = icu, locale = 'en-u-kn-true');
create collation "Odd Schema"."Any Case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create collation shop.bytes (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX');
comment on collation shop.numeric_order is 'a2 before a10';
create text search dictionary shop.plain (template = simple, stopwords = 'english', accept = 'false');
create text search configuration shop.words (parser = default);
alter text search configuration shop.words add mapping for asciiword, word with shop.plain, english_stem;
alter text search configuration shop.words add mapping for numword with simple;
comment on text search configuration shop.words is 'words alone';

create type shop.mood as enum ('sad', 'ok', 'it''s fine', 'Happy');
create type shop.address as (street text, "House No" integer, moods shop.mood[]);
create domain shop.positive as integer constraint positive_check check (value > 0);
create domain shop.short as varchar(10) collate "C" default 'x' not null;
create domain shop.small_positive as shop.positive check (value < 100);
create type shop.span as range (subtype = double precision, subtype_diff = float8mi);
comment on type shop.mood is 'how it feels; isn''t it';
comment on domain shop.positive is 'above zero';

create function shop.twice(n integer) returns integer language sql immutable as 'select 2 * n';
create function shop.is_even(n integer) returns boolean language plpgsql immutable as $body$
begin
    return n % 2 = 0; -- $$ and 'quotes'; stay
end
$body$;
create function shop.touch() returns trigger language plpgsql as $$
begin
    new.touched := now();
    return new;
end
$$;
create procedure shop.nothing(inout a integer) language plpgsql as 'begin a := a; end';
create aggregate shop.product(double precision) (sfunc = float8mul, stype = double precision, initcond = '1');
comment on function shop.twice(integer) is 'doubles';

create function shop.as_integer(m shop.mood) returns integer language sql immutable as $$ select case m when 'sad' then 0 else 1 end $$;
create cast (shop.mood as integer) with function shop.as_integer(shop.mood) as assignment;
create cast (shop.address as text) with inout as implicit;
comment on cast (shop.mood as integer) is 'glad or not';

create sequence shop.numbers as smallint increment by -3 minvalue -300 maxvalue 50 start with 20 cache 7 cycle;
select nextval('shop.numbers'), nextval('shop.numbers');
comment on sequence shop.numbers is 'downwards';

create table shop.kinds (
    id serial primary key,
    code shop.short,
    mood shop.mood not null default 'ok',
    moods shop.mood[] default array['sad', 'Happy']::shop.mood[],
    at_home shop.address,
    homes shop.address[],
    n shop.positive,
    m shop.small_positive default 7,
    ns shop.positive[],
    s shop.span,
    doubled integer generated always as (shop.twice(n::integer)) stored,
    unique (code, n) include (mood)
);
comment on table shop.kinds is 'kinds of ''things''';
comment on column shop.kinds.mood is 'of the day';
insert into shop.kinds (code, mood, moods, at_home, homes, n, m, ns, s)
select 'c' || i, (enum_range(null::shop.mood))[1 + i % 4],
       case when i % 5 > 0 then (enum_range(null::shop.mood))[1:i % 4] end,
       case when i % 3 > 0 then row('Street ' || i, i, array['ok', null]::shop.mood[])::shop.address end,
       array[row('a', null, null)::shop.address, null], i, 1 + i % 99, array[i, null, 5], shop.span(i, i + 0.5)
from generate_series(1, 300) as i;

create table shop.every_type (
    id bigint generated always as identity (start with 1000 increment by 5 cache 3) primary key,
    a smallint, b integer, c bigint, d numeric, e numeric(12, 3), e2 numeric(3, 5), f real, g double precision, h money,
    i char(5), j varchar(20), k text, k2 bpchar, l bytea, m "char", n name,
    o timestamp, p timestamp(2), q timestamptz, r date, s time, t timetz, u interval, u2 interval day to second(2),
    v boolean, w uuid, x json, y jsonb, z xml,
    aa inet, ab cidr, ac macaddr, ad macaddr8, ae bit(5), af bit varying(9), ag tsvector, ah tsquery,
    ai point, aj line, ak lseg, al box, am path, an polygon, ao circle,
    ap int4range, aq int8multirange, ar numrange, as_ tstzrange, at daterange,
    au integer[], av text[], aw numeric(6, 2)[], ax timestamptz[], ay int4range[], az jsonpath, ba pg_lsn, bb txid_snapshot,
    bc oid, bd xid, be tid, bf integer[][]
);
insert into shop.every_type overriding system value values
(5, -32768, 2147483647, -9223372036854775808, 'NaN', 123456.789, 0.00123, 'infinity', 1e-300, 12.34,
 'ab', 'cd', E'a\ttab, a \\ and ünï', 'pad  ', '\x00ff', 'x', 'n',
 'infinity', '2024-02-29 12:34:56.78', '4713-01-01 00:00:00+00 BC', '-infinity', '24:00:00', '12:00:00.5+14', '-1 year 2 mons 3 days 04:05:06.7',
 '3 days 00:00:01.23', true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1,  "a": 2}', '{"b": [1.50, null]}', '<a>b</a>',
 '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '10101', '101', 'a:1 cat:2A', 'a & !b',
 '(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '<(1,1),3>',
 '[1,5)', '{[1,3),[7,9)}', '(,)', 'empty', '[2024-01-01,2024-02-01)',
 '{1,null,3}', '{"a b",null,""}', '{1.50,-2}', '{2024-01-01 00:00:00+02}', '{"[1,2)",empty}', '$.a[*]', '16/B374D848', '10:20:10,14,15',
 42, '7', '(3,4)', '[0:1][2:3]={{1,2},{3,4}}');
insert into shop.every_type (d) values (null);
insert into shop.every_type (d) select (i::numeric ^ 9) / 7 from generate_series(1, 200) as i;

create unlogged table shop.notes ("Mixed Case" text, zone text, "select" integer, body text) with (fillfactor = 70, toast.autovacuum_enabled = false);
alter table shop.notes alter column body set storage external, alter column zone set statistics 321, alter column zone set (n_distinct = -0.5);
insert into shop.notes select 'x' || i, 'z', i, repeat('long ', i) from generate_series(1, 400) as i;
create index notes_body on shop.notes using hash (zone);
create unique index "Notes Odd" on shop.notes ("Mixed Case" collate "C" text_pattern_ops desc nulls last, lower(zone)) include ("select")
    with (fillfactor = 55) where "select" > 10;
create index notes_gin on shop.notes using gin (to_tsvector('english', body));
create index notes_brin on shop.notes using brin ("select") with (pages_per_range = 16);
comment on index shop.notes_gin is 'words';
create statistics shop.notes_stats (dependencies, ndistinct) on zone, "select" from shop.notes;
create statistics shop.notes_expr on (lower(zone)), "Mixed Case" from shop.notes;

create table shop.customers (
    id integer generated by default as identity primary key,
    kind integer not null references shop.kinds,
    parent integer,
    email text not null check (email like '%@%') ,
    score integer constraint score_range check (score between 0 and 100) no inherit,
    touched timestamptz,
    constraint customers_email unique (email) deferrable initially deferred,
    constraint customers_parent foreign key (parent) references shop.customers (id) on delete set null on update cascade deferrable
);
insert into shop.customers (kind, parent, email, score)
select 1 + i % 300, case when i > 10 then i % 10 + 1 end, i || '@example.com', i % 101 from generate_series(1, 2000) as i;
alter table shop.customers add constraint later check (score <> 13) not valid;
create trigger touch before update of email, score on shop.customers for each row when (new.score > 5) execute function shop.touch();
create trigger off after insert on shop.customers for each statement execute function shop.touch();
alter table shop.customers disable trigger off;
comment on trigger touch on shop.customers is 'when';
comment on constraint score_range on shop.customers is 'a share';
alter table shop.customers enable row level security;
create policy own on shop.customers for select using (score > 10);
create policy careful on shop.customers as restrictive for update using (true) with check (email <> '');
create rule quiet as on delete to shop.customers where old.id < 0 do instead nothing;
alter table shop.customers cluster on customers_pkey;

create table shop.bookings (
    room integer not null,
    during tsrange not null,
    constraint no_overlap exclude using gist (box(point(room, 0), point(room, 1)) with &&, during with &&)
);
insert into shop.bookings select i, tsrange('2024-01-01', '2024-01-02') from generate_series(1, 20) as i;
alter table shop.bookings replica identity full;

create table shop.base (id integer primary key, label text default 'base', note text);
create table shop.derived (extra integer, note text not null) inherits (shop.base);
alter table shop.derived alter column label set default 'derived';
insert into shop.base select i, 'b' || i from generate_series(1, 30) as i;
insert into shop.derived select i, 'd' || i, 'n', i from generate_series(31, 50) as i;

create table shop.events (
    id bigint not null,
    at timestamptz not null,
    customer integer references shop.customers,
    payload jsonb,
    primary key (id, at),
    check (id > 0)
) partition by range (at);
create table shop.events_2023 partition of shop.events for values from ('2023-01-01') to ('2024-01-01');
create table shop.events_2024 partition of shop.events for values from ('2024-01-01') to ('2025-01-01') partition by list (at);
create table shop.events_2024_few partition of shop.events_2024 for values in ('2024-01-01 00:00:00+00', '2024-01-02 00:00:00+00');
create table shop.events_2024_rest partition of shop.events_2024 default;
create index events_customer on shop.events (customer, at desc);
create index events_only_2023 on shop.events_2023 using gin (payload);
insert into shop.events
select i, timestamptz '2023-01-01' + i * interval '1 hour', case when i % 7 > 0 then 1 + i % 2000 end, jsonb_build_object('i', i)
from generate_series(1, 15000) as i;

create table "Odd Schema"."Odd ""Table""" ("a'b" integer primary key, "ünï" text, "$" integer default 1);
insert into "Odd Schema"."Odd ""Table""" values (1, 'x'), (2, null);
create table shop.sorted (
    id text collate shop.numeric_order primary key,
    name text collate "Odd Schema"."Any Case" unique,
    code varchar(20) collate shop.bytes,
    found tsvector generated always as (to_tsvector('shop.words'::regconfig, code)) stored,
    level integer generated always as (('ok'::shop.mood)::integer) stored
);
insert into shop.sorted (id, name, code) select 'a' || i, 'Name' || i, 'the words ' || i from generate_series(1, 60) as i;
create index sorted_lower on shop.sorted (lower(code) collate shop.numeric_order);
create table shop.empty ();
insert into shop.empty default values;
create table shop.nothing_copied (a integer generated always as (1 + 1) stored);
insert into shop.nothing_copied default values;

create view shop.good_customers (who, how_much) as
    select c.email, c.score from shop.customers c join shop.kinds k on k.id = c.kind where c.score > 50;
create view shop.better_customers with (security_barrier = true) as select * from shop.good_customers where how_much > 80 with local check option;
create materialized view shop.totals as select kind, count(*) as customers, sum(score) as score from shop.customers group by kind;
create unique index totals_kind on shop.totals (kind);
create materialized view shop.not_yet as select 1 as one with no data;
create function shop.customers_of(k shop.kinds) returns setof shop.customers language sql stable as
    'select * from shop.customers where kind = k.id';
create view shop.by_function as select k.id, (shop.customers_of(k.*)).email from shop.kinds k;
comment on view shop.good_customers is 'good';
comment on column shop.good_customers.who is 'address';
comment on materialized view shop.totals is 'sums';

-- Rights, for roles that every server has.
grant usage on schema shop to pg_monitor, pg_read_all_stats;
grant create on schema "Odd Schema" to pg_monitor with grant option;
grant select, insert (code, mood), update on shop.kinds to pg_monitor;
grant select on shop.kinds to public;
grant select (email), references (id) on shop.customers to pg_read_all_stats with grant option;
grant all on "Odd Schema"."Odd ""Table""" to pg_monitor;
grant select on shop.good_customers, shop.totals, shop.events, shop.events_2023 to pg_monitor;
grant usage on sequence shop.numbers, shop.kinds_id_seq to pg_monitor;
grant select on sequence shop.customers_id_seq to pg_monitor;
revoke all on function shop.twice(integer) from public;
grant execute on function shop.twice(integer), shop.customers_of(shop.kinds) to pg_monitor;
grant execute on procedure shop.nothing(integer) to pg_monitor;
grant execute on function shop.product(double precision) to pg_monitor;
revoke usage on type shop.mood from public;
grant usage on type shop.mood, shop.span to pg_monitor;
grant usage on domain shop.positive to pg_monitor with grant option;
alter default privileges in schema shop grant select on tables to pg_monitor;
alter default privileges in schema shop grant usage on sequences to pg_monitor with grant option;
create policy watched on shop.customers for select to pg_monitor, pg_read_all_stats using (true);

create publication everything_of_kinds for table shop.kinds (id, code, mood), only shop.base where (id > 10 and label <> 'x')
    with (publish = 'insert, update');
create publication parts for table shop.events with (publish_via_partition_root = true);
create publication of_odd for tables in schema "Odd Schema";
comment on publication parts is 'as one';
create function shop.watch() returns event_trigger language plpgsql as 'begin return; end';
create event trigger watching on ddl_command_start when tag in ('CREATE TABLE', 'DROP TABLE') execute function shop.watch();
create event trigger off on sql_drop execute function shop.watch();
alter event trigger off disable;
comment on event trigger off is 'not now';
