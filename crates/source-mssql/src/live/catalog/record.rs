//! Asks the questions.

use migrate_core::{Error, Result};

use super::answer::{Record, ask, records};
use super::questions::{
    CHECKS, COLUMNS, DATABASE, DatabaseRow, FOREIGN_KEYS, INDEX_COLUMNS, INDEXES, MODULES, OTHERS, OtherRow,
    PROPERTIES, Recording, SCHEMAS, SEQUENCES, SIZES, SIZES_OF_PAGES, SizeRow, TABLES, TYPES,
};
use super::shape::{self, Shape};
use crate::classify::internal;
use crate::live::wire::Session;

/// Asks for everything.
pub(super) async fn record(session: &mut dyn Session) -> Result<Recording> {
    let known = ask(session, "asking what the server's catalog has", shape::QUESTION).await?;
    let mut asking = Asking {
        session,
        shape: Shape::new(records(known)?),
    };
    let database: Vec<DatabaseRow> = asking.all("reading the database's options", DATABASE).await?;
    let database = database
        .into_iter()
        .next()
        .ok_or_else(|| internal("the server says nothing about the database"))?;
    Ok(Recording {
        schemas: asking.all("reading schemas", SCHEMAS).await?,
        types: asking.all("reading types", TYPES).await?,
        tables: asking.all("reading tables", TABLES).await?,
        columns: asking.all("reading columns", COLUMNS).await?,
        indexes: asking.all("reading indexes", INDEXES).await?,
        index_columns: asking
            .all("reading the columns of indexes", INDEX_COLUMNS)
            .await?,
        foreign_keys: asking.all("reading foreign keys", FOREIGN_KEYS).await?,
        checks: asking.all("reading check constraints", CHECKS).await?,
        sequences: if asking.shape.has("sequences") {
            asking.all("reading sequences", SEQUENCES).await?
        } else {
            Vec::new()
        },
        modules: asking.all("reading views and procedures", MODULES).await?,
        others: asking.others().await?,
        properties: if asking.shape.has("extended_properties") {
            asking.all("reading extended properties", PROPERTIES).await?
        } else {
            Vec::new()
        },
        sizes: asking.sizes(&database).await?,
        database,
    })
}

struct Asking<'a> {
    session: &'a mut dyn Session,
    shape: Shape,
}

impl Asking<'_> {
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
