//! The ledger: what was begun, split, written, refused and built, in the schema `migrate` of the destination.
//!
//! Each question or change is one statement, in the module of the table it is about.

pub(crate) mod account;
pub(crate) mod chunk;
pub(crate) mod control;
pub(crate) mod created;
pub(crate) mod event;
pub(crate) mod granted;
pub(crate) mod mapping;
pub(crate) mod quarantine;
pub(crate) mod round;
pub(crate) mod run;
pub(crate) mod step;

/// Raised whenever the tables below change their meaning.
pub(crate) const FORMAT: i32 = 2;

/// Creates the ledger. Texts of plans and rows are `json`, not `jsonb`: they are kept as written, and may hold U+0000.
pub(crate) const CREATE: &str = "
    create schema if not exists migrate;
    comment on schema migrate is 'Ledger of a migration; the command migrate clean removes it';

    create table migrate.run (
        one_row            boolean primary key default true check (one_row),
        format             integer not null,
        epoch              bigint not null default 1,
        source_kind        text not null,
        source_name        text not null,
        source_fingerprint text not null,
        plan_fingerprint   text not null,
        plan               json not null,
        prepared           integer,
        started_at         timestamptz not null default now(),
        finished_at        timestamptz
    );
    comment on table migrate.run is 'The migration: one row';
    comment on column migrate.run.prepared is 'Steps before the rows that are done; null if all are';
    comment on column migrate.run.epoch is 'Raised by each run that takes over; receipts of earlier ones are refused';

    create table migrate.table_state (
        source_schema text not null,
        source_name   text not null,
        split_at      timestamptz not null default now(),
        checkpoint    text,
        primary key (source_schema, source_name)
    );
    comment on table migrate.table_state is 'Tables whose chunks are fixed';
    comment on column migrate.table_state.checkpoint is 'Up to where the source was read: later rounds go on from here';

    create table migrate.chunk (
        source_schema  text not null,
        source_name    text not null,
        ordinal        integer not null,
        token          text not null,
        expected_rows  bigint,
        expected_bytes bigint,
        attempt        bigint not null default 0,
        read           bigint not null default 0,
        filtered       bigint not null default 0,
        quarantined    bigint not null default 0,
        written        bigint not null default 0,
        digest         text not null default '00000000000000000000000000000000',
        bytes          bigint not null default 0,
        cursor         text,
        done           boolean not null default false,
        conversions    json not null default '{}',
        window_from    text,
        window_to      text,
        changed_at     timestamptz not null default now(),
        primary key (source_schema, source_name, ordinal),
        foreign key (source_schema, source_name) references migrate.table_state
    );
    comment on table migrate.chunk is 'Parts of tables with their receipts: read = written + quarantined + filtered';
    comment on column migrate.chunk.ordinal is 'From 1073741824 on: of a later round that is not applied yet';
    comment on column migrate.chunk.attempt is 'Raised by each writer; commits of earlier ones are refused';
    comment on column migrate.chunk.digest is 'Sum of the 128-bit hashes of the rows written, as hexadecimal';

    create table migrate.quarantine (
        id            bigint generated always as identity primary key,
        source_schema text not null,
        source_name   text not null,
        ordinal       integer not null,
        column_name   text,
        reason        text not null,
        key           text,
        row           json,
        at            timestamptz not null default now()
    );
    comment on table migrate.quarantine is 'Rows that could not be stored, and why';

    create table migrate.step (
        id      text primary key,
        subject text not null,
        done    boolean not null,
        reason  text,
        took_ms bigint not null,
        at      timestamptz not null default now()
    );
    comment on table migrate.step is 'Keys, indexes, constraints and the like: done, or why not';

    create table migrate.round (
        number     integer primary key,
        deletes    boolean not null,
        applied_at timestamptz not null default now()
    );
    comment on table migrate.round is 'Later runs that brought what the source had changed';

    create table migrate.change (
        round         integer not null references migrate.round,
        source_schema text not null,
        source_name   text not null,
        whole         boolean not null,
        inserted      bigint not null,
        updated       bigint not null,
        deleted       bigint not null,
        quarantined   bigint not null,
        digest        text not null,
        primary key (round, source_schema, source_name)
    );
    comment on table migrate.change is 'What each round made of each table that it changed';
    comment on column migrate.change.digest is 'Hashes of rows written less those of rows replaced or removed, as hexadecimal';

    create table migrate.event (
        id   bigint generated always as identity primary key,
        at   timestamptz not null default clock_timestamp(),
        kind text not null,
        text text not null,
        who  text default session_user || ' by ' || current_setting('application_name')
                          || coalesce(' from ' || host(inet_client_addr()), '')
    );
    comment on table migrate.event is 'What happened, in order';

    create table migrate.created (
        position bigint generated always as identity primary key,
        kind     text not null,
        schema   text not null,
        name     text not null,
        object   oid not null
    );
    comment on table migrate.created is 'What the migration created, as it was called then'";

/// How times are spelled: RFC 3339 in UTC.
macro_rules! rfc3339 {
    ($column:literal) => {
        concat!(
            "to_char(",
            $column,
            " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        )
    };
}
pub(crate) use rfc3339;
