//! Asks the questions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use migrate_core::{Error, Result};
use tokio::time::Instant;

use super::answer::{Record, ask, records};
use super::questions::{
    CHECKS, COLUMNS, DATABASE, DatabaseRow, FOREIGN_KEYS, INDEX_COLUMNS, INDEXES, MODULES, OTHERS, OtherRow,
    PROPERTIES, Recording, SCHEMAS, SEQUENCES, SIZES, SIZES_OF_PAGES, SizeRow, TABLES, TYPES,
};
use super::shape::{self, Shape};
use crate::classify::internal;
use crate::live::read::sessions::Sessions;
use crate::live::wire::Session;

/// A server that takes longer for its first answer is asked over several sessions.
const AT_ONCE: Duration = Duration::from_millis(40);
/// Sessions that ask at the same time, at most.
const SESSIONS: usize = 4;

/// A part of the catalog. Each is one question, or a few.
#[derive(Debug, Clone, Copy)]
enum Part {
    Schemas,
    Types,
    Tables,
    Columns,
    Indexes,
    IndexColumns,
    ForeignKeys,
    Checks,
    Sequences,
    Modules,
    Others,
    Properties,
    Sizes,
}

/// All parts, those that take a server longest last: they are asked for from the end.
const PARTS: [Part; 13] = [
    Part::Schemas,
    Part::Types,
    Part::Sequences,
    Part::Checks,
    Part::ForeignKeys,
    Part::Tables,
    Part::Properties,
    Part::Indexes,
    Part::IndexColumns,
    Part::Sizes,
    Part::Others,
    Part::Modules,
    Part::Columns,
];

/// Asks for everything. What changes while it is asked for may be seen by one question and not by another, on one session as
/// on several.
pub(super) async fn record(session: &mut dyn Session, more: Option<&dyn Sessions>) -> Result<Recording> {
    let asked = Instant::now();
    let known = ask(session, "asking what the server's catalog has", shape::QUESTION).await?;
    let slow = asked.elapsed() > AT_ONCE;
    let shape = Shape::new(records(known)?);
    let mut first = Asking {
        session,
        shape: &shape,
    };
    let database: Vec<DatabaseRow> = first.all("reading the database's options", DATABASE).await?;
    let database = database
        .into_iter()
        .next()
        .ok_or_else(|| internal("the server says nothing about the database"))?;
    let left = Mutex::new(PARTS.to_vec());
    let found = Mutex::new(Recording {
        database: database.clone(),
        ..Recording::default()
    });
    let helpers = more
        .filter(|_| slow)
        .map_or(0, |sessions| sessions.spare().min(SESSIONS - 1));
    let helpers = (0..helpers).filter_map(|_| more).map(|sessions| async {
        // Who asks already goes on alone where the server lets no more in.
        let Ok(mut session) = sessions.take().await else {
            return Ok(());
        };
        let mut asking = Asking {
            session: session.as_mut(),
            shape: &shape,
        };
        asking.parts(&left, &found, &database).await?;
        sessions.give_back(session);
        Ok(())
    });
    tokio::try_join!(first.parts(&left, &found, &database), try_join_all(helpers))?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

struct Asking<'a> {
    session: &'a mut dyn Session,
    shape: &'a Shape,
}

impl Asking<'_> {
    /// Asks for parts until none is left.
    async fn parts(
        &mut self,
        left: &Mutex<Vec<Part>>,
        found: &Mutex<Recording>,
        database: &DatabaseRow,
    ) -> Result<()> {
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some(part) = next() {
            self.part(part, found, database).await?;
        }
        Ok(())
    }

    async fn part(&mut self, part: Part, found: &Mutex<Recording>, database: &DatabaseRow) -> Result<()> {
        /// Keeps an answer. It is there before the lock is taken.
        macro_rules! keep {
            ($field:ident, $answer:expr) => {{
                let answer = $answer;
                found.lock().unwrap_or_else(PoisonError::into_inner).$field = answer;
            }};
        }
        match part {
            Part::Schemas => keep!(schemas, self.all("reading schemas", SCHEMAS).await?),
            Part::Types => keep!(types, self.all("reading types", TYPES).await?),
            Part::Tables => keep!(tables, self.all("reading tables", TABLES).await?),
            Part::Columns => keep!(columns, self.all("reading columns", COLUMNS).await?),
            Part::Indexes => keep!(indexes, self.all("reading indexes", INDEXES).await?),
            Part::IndexColumns => keep!(
                index_columns,
                self.all("reading the columns of indexes", INDEX_COLUMNS).await?
            ),
            Part::ForeignKeys => keep!(
                foreign_keys,
                self.all("reading foreign keys", FOREIGN_KEYS).await?
            ),
            Part::Checks => keep!(checks, self.all("reading check constraints", CHECKS).await?),
            Part::Sequences if self.shape.has("sequences") => {
                keep!(sequences, self.all("reading sequences", SEQUENCES).await?);
            }
            Part::Modules => keep!(modules, self.all("reading views and procedures", MODULES).await?),
            Part::Others => keep!(others, self.others().await?),
            Part::Properties if self.shape.has("extended_properties") => {
                keep!(
                    properties,
                    self.all("reading extended properties", PROPERTIES).await?
                );
            }
            Part::Sizes => keep!(sizes, self.sizes(database).await?),
            Part::Sequences | Part::Properties => {}
        }
        Ok(())
    }

    async fn all<R: Record>(&mut self, purpose: &'static str, sql: &str) -> Result<Vec<R>> {
        let answer = ask(self.session, purpose, &self.shape.settle(sql)).await?;
        records(answer).map_err(|e| e.at("purpose", purpose))
    }

    /// Like [`all`](Self::all), for what is good to have: `Err` inside if the server refused to answer.
    async fn perhaps<R: Record>(
        &mut self,
        purpose: &'static str,
        sql: &str,
    ) -> Result<std::result::Result<Vec<R>, Error>> {
        match self.all(purpose, sql).await {
            Ok(rows) => Ok(Ok(rows)),
            // A connection that broke is another matter than a question that this server does not like.
            Err(error) if self.session.is_broken() || error.is_transient() => Err(error),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Numbers of rows and bytes, from what the login may see.
    async fn sizes(&mut self, database: &DatabaseRow) -> Result<Vec<SizeRow>> {
        const PURPOSE: &str = "reading the sizes of tables";
        if database.may_view_state == Some(1)
            && self.shape.has("dm_db_partition_stats")
            && let Ok(sizes) = self.perhaps(PURPOSE, SIZES).await?
        {
            return Ok(sizes);
        }
        if !self.shape.has("partitions") {
            return Ok(Vec::new());
        }
        // Without sizes tables are copied as well, only in another order.
        Ok(self.perhaps(PURPOSE, SIZES_OF_PAGES).await?.unwrap_or_default())
    }

    /// Objects that are listed: all kinds in one question, and one by one where the server stumbles over it.
    async fn others(&mut self) -> Result<Vec<OtherRow>> {
        const PURPOSE: &str = "reading objects that are not moved";
        let there: Vec<(&str, String)> = OTHERS
            .iter()
            .filter(|(needs, _)| self.shape.has(needs))
            .map(|(needs, sql)| (*needs, listed(sql)))
            .collect();
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let selects: Vec<&str> = there.iter().map(|(_, sql)| sql.as_str()).collect();
        let mut rows = match self.perhaps(PURPOSE, &selects.join("\nunion all\n")).await? {
            Ok(rows) => rows,
            Err(_) => {
                let mut rows = Vec::new();
                for (view, sql) in &there {
                    match self.perhaps(PURPOSE, sql).await? {
                        Ok(more) => rows.extend::<Vec<OtherRow>>(more),
                        Err(error) => rows.push(unanswered(view, &error)),
                    }
                }
                rows
            }
        };
        for row in &mut rows {
            if row.kind == "SqlXmlSchemaCollection" {
                row.definition = self.xml_schemas(row).await?;
            }
        }
        Ok(rows)
    }

    /// The text of a collection of xml schemas, which can only be asked for one by one.
    async fn xml_schemas(&mut self, row: &OtherRow) -> Result<Option<String>> {
        let literal = |text: &str| format!("N'{}'", text.replace('\'', "''"));
        let sql = format!(
            "select 'SqlXmlSchemaCollection' as kind, convert(nvarchar(128), null) as schema_name, N'' as name,\n\
             convert(nvarchar(max), xml_schema_namespace({}, {})) as definition",
            literal(row.schema_name.as_deref().unwrap_or_default()),
            literal(&row.name)
        );
        let text = self.perhaps::<OtherRow>("reading xml schemas", &sql).await?;
        Ok(text
            .ok()
            .and_then(|rows| rows.into_iter().next())
            .and_then(|r| r.definition))
    }
}

/// A question about one kind of object in the form in which it can be joined to others: names in the catalog have another
/// collation than literals where the database has one of its own.
fn listed(sql: &str) -> String {
    format!(
        "select x.kind collate database_default as kind, x.schema_name collate database_default as schema_name,\n       \
         x.name collate database_default as name, x.definition collate database_default as definition\n\
         from ({sql}) as x (kind, schema_name, name, definition)"
    )
}

/// What is listed where the server does not answer: that something may be missing.
fn unanswered(view: &str, error: &Error) -> OtherRow {
    OtherRow {
        kind: "SqlUnreadablePartOfTheCatalog".to_owned(),
        schema_name: Some("sys".to_owned()),
        name: view.split('.').next().unwrap_or(view).to_owned(),
        definition: Some(error.to_string()),
    }
}
