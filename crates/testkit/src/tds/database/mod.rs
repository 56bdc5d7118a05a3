//! A database that answers what the reader asks.

mod catalog;
mod condition;
mod rows;
mod statement;
mod variant;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::catalog::Computed;
use self::rows::Asking;
pub use self::rows::Rows;
use self::statement::{select, table};
use super::{Answer, Column, Login, Query, Script, ServerError, Welcome};
use crate::bacpac::{Cell, DatabaseSpec, SqlType, TableSpec};

type Name = (String, String);

/// What goes wrong with one reading of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed after so many bytes, wherever that is.
    CutAfter(usize),
    /// So many rows, then an error.
    ErrorAfter(usize, ServerError),
    /// So many rows, then silence.
    StallAfter(usize),
    /// The query is refused.
    Refuse(ServerError),
}

/// A database: what it is like, its rows, who may see it, and what goes wrong.
pub struct Database {
    spec: DatabaseSpec,
    rows: HashMap<Name, Rows>,
    computed: Computed,
    /// User and password; without them everybody is let in.
    user: Option<(String, String)>,
    snapshots: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: VecDeque<Fault>,
    denied: HashSet<Name>,
    dropped: HashSet<Name>,
    log: Vec<String>,
}

impl Database {
    /// A database without rows, which lets anybody in.
    pub fn new(spec: DatabaseSpec) -> Self {
        Self {
            spec,
            rows: HashMap::new(),
            computed: Computed::new(),
            user: None,
            snapshots: true,
            state: Mutex::default(),
        }
    }

    /// Rows for a table of schema `dbo`.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn rows(mut self, table: &str, rows: Rows) -> Self {
        assert!(self.spec.find_table("dbo", table).is_some(), "no table {table}");
        self.rows.insert(("dbo".to_owned(), table.to_owned()), rows);
        self
    }

    /// The types that the server states for computed columns, and whether they can be NULL.
    #[must_use]
    pub fn computed(mut self, computed: Computed) -> Self {
        self.computed = computed;
        self
    }

    /// Lets nobody else in.
    #[must_use]
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.user = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// What goes wrong with the next readings of rows, one after the other.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// Faults that did not happen yet.
    pub fn faults_left(&self) -> usize {
        self.state().faults.len()
    }

    /// Takes the right to read a table of schema `dbo` away, or gives it back.
    pub fn deny(&self, table: &str, denied: bool) {
        let name = ("dbo".to_owned(), table.to_owned());
        let mut state = self.state();
        if denied {
            state.denied.insert(name);
        } else {
            state.denied.remove(&name);
        }
    }

    /// Lets a table of schema `dbo` be gone for those who read it, or be there again. The catalog still tells of it.
    pub fn drop_table(&self, table: &str, dropped: bool) {
        let name = ("dbo".to_owned(), table.to_owned());
        let mut state = self.state();
        if dropped {
            state.dropped.insert(name);
        } else {
            state.dropped.remove(&name);
        }
    }

    /// Every statement so far.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// What a question about the catalog is answered with, by the names of its columns. `None` where it is no such question.
    pub fn catalog(&self, sql: &str) -> Option<(Vec<Column>, Vec<Vec<Cell>>)> {
        catalog::answer(self, sql)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &Name) -> Option<(&DatabaseSpec, &TableSpec, &Rows)> {
        static NONE: Rows = Rows::Cells(Vec::new());
        let spec = self.spec.find_table(&name.0, &name.1)?;
        Some((&self.spec, spec, self.rows.get(name).unwrap_or(&NONE)))
    }

    fn select(&self, sql: &str) -> Option<Answer> {
        let mut asked = select(sql)?;
        match asked.items.as_slice() {
            ["change_tracking_current_version()"] | ["cast(min_active_rowversion() as varbinary(8))"] => {
                return Some(refused("positions"));
            }
            ["1"] if asked.from.is_empty() => return Some(one(1)),
            // The places come out of an order, so that they ascend.
            ["count(*)"] if asked.from.starts_with("(values ") => return Some(one(0)),
            _ => {}
        }
        if asked.from.starts_with('(') {
            return Asking::step(&asked, |name| self.find(name));
        }
        let name = table(asked.from)?;
        let (database, spec, rows) = self.find(&name)?;
        if let Some(refusal) = self.refusal(&name) {
            return Some(Answer::refused(refusal));
        }
        match asked.items.as_slice() {
            ["count(*)"] if asked.condition.is_none() => return Some(one(rows.count() as i64)),
            ["top (0) 1"] => return Some(Answer::rows(&[Column::new("", SqlType::Int)], [])),
            ["top (1) 1"] if rows.count() == 0 => {
                return Some(Answer::rows(&[Column::new("", SqlType::Int)], []));
            }
            ["top (1) 1"] => return Some(one(1)),
            [first, _] if first.starts_with("min(") => {
                let name = first.strip_prefix("min(")?.strip_suffix(')')?;
                return Asking::ends(database, spec, rows, name);
            }
            _ => {}
        }
        // On lines of its own stands the plan's condition, of which nothing is known here.
        if asked.condition.is_some_and(|c| c.contains('\n')) {
            return None;
        }
        asked.from = "";
        let asking = Asking::read(database, spec, &asked)?;
        let fault = self.state().faults.pop_front();
        Some(asking.answer(rows, fault.as_ref()))
    }

    fn refusal(&self, name: &Name) -> Option<ServerError> {
        let state = self.state();
        let (schema, table) = name;
        if state.dropped.contains(name) {
            return Some(ServerError::new(
                208,
                16,
                format!("Invalid object name '{schema}.{table}'."),
            ));
        }
        state.denied.contains(name).then(|| {
            let database = &self.spec.name;
            ServerError::new(
                229,
                14,
                format!(
                    "The SELECT permission was denied on the object '{table}', database '{database}', schema '{schema}'."
                ),
            )
        })
    }
}

impl Script for Database {
    fn login(&self, login: &Login) -> Welcome {
        let failed = || {
            let user = &login.user;
            ServerError::new(18456, 14, format!("Login failed for user '{user}'."))
        };
        if let Some((user, password)) = &self.user
            && (*user != login.user || *password != login.password)
        {
            return Welcome::Refuse(vec![failed()]);
        }
        if !login.database.is_empty() && login.database != self.spec.name {
            let database = &login.database;
            let text =
                format!("Cannot open database \"{database}\" requested by the login. The login failed.");
            return Welcome::Refuse(vec![ServerError::new(4060, 11, text), failed()]);
        }
        Welcome::Enter
    }

    fn answer(&self, query: &Query<'_>) -> Answer {
        let sql = query.sql;
        self.state().log.push(sql.to_owned());
        let begins = |words: &[&str]| words.iter().any(|w| sql.starts_with(w));
        if begins(&[
            "set ",
            "begin transaction",
            "commit transaction",
            "rollback transaction",
        ]) {
            return Answer::done();
        }
        if let Some((columns, rows)) = self.catalog(sql) {
            return Answer::rows(&columns, rows.iter().map(Vec::as_slice));
        }
        self.select(sql).unwrap_or_else(|| refused(sql))
    }
}

fn one(number: i64) -> Answer {
    let column = Column::new("", SqlType::Int).not_null();
    Answer::rows(&[column], [[Cell::Int(number)].as_slice()])
}

/// What is not known here.
fn refused(what: &str) -> Answer {
    let shown: String = what.chars().take(300).collect();
    Answer::refused(ServerError::new(
        50_000,
        16,
        format!("This server does not know {shown}"),
    ))
}
