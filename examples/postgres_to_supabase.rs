//! Moves an application from PostgreSQL into a Supabase project from a program of your own: new keys, tables that
//! nobody reads until there is a policy, people who go on signing in, and a proof of every row.
//!
//! ```text
//! SOURCE_URL=postgres://reader@db.example.com/shop USERS=public.auth_user \
//! SUPABASE_URL='postgres://postgres.REF@aws-0-REGION.pooler.supabase.com:5432/postgres?sslrootcert=prod-ca-2021.crt' \
//!     cargo run -p migrate-examples --example postgres_to_supabase
//! ```
//!
//! `USERS` is the table of the application's users; without it nobody gets an account.

use std::sync::Arc;

use migrate_core::mapping::{Keys, Legacy, Mapping};
use migrate_core::observer::Silent;
use migrate_core::pipeline;
use migrate_core::planner;
use migrate_core::source::Source;
use migrate_core::supabase::{AccountsMapping, Policies, Profile, SupabaseMapping};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_source_postgres::{Postgres, PostgresConfig};
use migrate_validate::{Options, validate};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = PostgresConfig::parse(&std::env::var("SOURCE_URL")?.into())?;
    let source: Arc<dyn Source> = Arc::new(Postgres::new(config));
    let sink = PostgresSink::connect(SinkOptions::new(std::env::var("SUPABASE_URL")?)).await?;

    // Decide. Accounts have uuid keys, so that integer keys become uuids first, and whatever refers to them with them.
    let mapping = Mapping {
        profile: Profile::Supabase,
        keys: Keys::Uuid,
        legacy: Legacy::All,
        supabase: SupabaseMapping {
            row_level_security: true,
            policies: Policies::Stubs,
            ..SupabaseMapping::default()
        },
        accounts: std::env::var("USERS").ok().map(|table| AccountsMapping {
            table,
            ..AccountsMapping::default()
        }),
        ..Mapping::default()
    };
    let plan = Arc::new(planner::plan(
        &source.discover().await?,
        &mapping,
        &sink.target(),
    )?);
    for note in &plan.notes {
        println!("{}: {}", note.object, note.text);
    }
    for work in &plan.manual {
        println!(
            "left for a person: {} {}\n{}",
            work.kind, work.name, work.definition
        );
    }

    // Do it. Running the same program again after a crash goes on where it stopped.
    let (run, observer, cancel) = (
        pipeline::Options::default(),
        Arc::new(Silent),
        CancellationToken::new(),
    );
    let report = pipeline::run(
        source.clone(),
        sink.clone(),
        plan.clone(),
        run,
        observer.clone(),
        cancel.clone(),
    )
    .await?;
    for table in &report.tables {
        println!("{}: {} rows", table.target, table.receipt.digest.rows);
    }
    if let Some(accounts) = sink.accounts(&plan).await? {
        println!(
            "{} accounts, {} of them with their password",
            accounts.created, accounts.passwords_kept
        );
        for (kind, count) in &accounts.passwords_lost {
            println!("{count} people set a new password: theirs is hashed with {kind}");
        }
        for (reason, count) in &accounts.left_out {
            println!("{count} rows became no account: {reason}");
        }
    }

    // Prove it, from the destination alone; with the source, rows that differ are shown.
    let found = validate(sink, None, Options::default(), observer, cancel).await?;
    println!("{} of {} rows arrived", found.verdict.arrived, found.verdict.due);
    if !found.verdict.go {
        return Err(found.verdict.reasons.join("; ").into());
    }
    Ok(())
}
