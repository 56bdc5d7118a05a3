//! Answers to questions about the catalog: rows that are few and small enough to be held, as plain structs.

use migrate_core::Result;
use migrate_core::value::Value;

use crate::classify::internal;
use crate::live::wire::{Fetch, Flow, Query, RowTarget, Session};

/// A cell of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Number(i64),
    Text(String),
    /// Of a type that no question asks for.
    Strange,
}

/// All rows of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<String>,
    /// Row after row.
    pub(crate) cells: Vec<Cell>,
}

impl RowTarget for Answer {
    fn begin(&mut self) {}

    fn value(&mut self, value: Value<'_>) {
        self.cells.push(match value {
            Value::Null => Cell::Null,
            Value::Bool(b) => Cell::Number(i64::from(b)),
            Value::Int16(n) => Cell::Number(n.into()),
            Value::Int32(n) => Cell::Number(n.into()),
            Value::Int64(n) => Cell::Number(n),
            Value::Text(text) => Cell::Text(text.to_owned()),
            Value::Utf16(bytes) => {
                let units = bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
                // Names are UCS-2: a lone surrogate in one is possible, and PostgreSQL could not be told of it.
                let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
                Cell::Text(text.collect())
            }
            _ => Cell::Strange,
        });
    }

    fn end(&mut self) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}

/// Asks and waits for the whole answer.
pub(crate) async fn ask(session: &mut dyn Session, purpose: &'static str, sql: &str) -> Result<Answer> {
    let columns = session.start(Query { purpose, sql }).await?;
    let mut answer = Answer {
        columns: columns.into_iter().map(|c| c.name).collect(),
        cells: Vec::new(),
    };
    while session.fetch(&mut answer).await? == Fetch::More {}
    Ok(answer)
}

/// A row with named fields.
pub(crate) trait Record: Sized {
    /// The fields' names: those of the columns of the question, in their order.
    const FIELDS: &'static [&'static str];

    /// Takes one value for each field.
    fn take(cells: &mut Cells<'_>) -> Result<Self>;
}

/// The rows of an answer as records.
///
/// # Errors
/// [`Internal`](migrate_core::ErrorKind::Internal) if the answer is one to another question.
pub(crate) fn records<R: Record>(answer: Answer) -> Result<Vec<R>> {
    let same = answer.columns.len() == R::FIELDS.len()
        && (answer.columns.iter().zip(R::FIELDS)).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !same {
        return Err(internal(format!(
            "the server answered with the columns {} where {} were asked for",
            answer.columns.join(", "),
            R::FIELDS.join(", ")
        )));
    }
    let rows = answer.cells.len() / R::FIELDS.len().max(1);
    let mut cells = Cells {
        cells: &mut answer.cells.into_iter(),
        fields: R::FIELDS,
        next: 0,
    };
    (0..rows).map(|_| R::take(&mut cells)).collect()
}

/// The cells of an answer while they are taken.
pub(crate) struct Cells<'a> {
    cells: &'a mut std::vec::IntoIter<Cell>,
    fields: &'static [&'static str],
    next: usize,
}

impl Cells<'_> {
    /// The next cell.
    pub(crate) fn next<T: FromCell>(&mut self) -> Result<T> {
        let field = self.fields.get(self.next % self.fields.len().max(1));
        self.next += 1;
        T::from_cell(self.cells.next().unwrap_or(Cell::Null)).ok_or_else(|| {
            let field = field.copied().unwrap_or_default();
            internal(format!(
                "the server answered with another type than expected for {field}"
            ))
        })
    }
}

/// What a cell can become.
pub(crate) trait FromCell: Sized {
    /// `None` if the cell is of another type.
    fn from_cell(cell: Cell) -> Option<Self>;
}

impl FromCell for i64 {
    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Number(n) => Some(n),
            _ => None,
        }
    }
}

/// A NULL is not so: catalogs with gaps say nothing where they mean no.
impl FromCell for bool {
    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Number(n) => Some(n != 0),
            Cell::Null => Some(false),
            _ => None,
        }
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

/// Declares a record: a struct whose fields are the columns of a question.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $ty,)*
        }

        impl $crate::live::catalog::answer::Record for $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn take(cells: &mut $crate::live::catalog::answer::Cells<'_>) -> migrate_core::Result<Self> {
                Ok(Self { $($field: cells.next()?,)* })
            }
        }
    };
}
pub(super) use record;

#[cfg(test)]
mod tests {
    use super::*;

    record! {
        Sample {
            number: i64,
            flag: bool,
            text: Option<String>,
        }
    }

    fn answer(columns: &[&str], cells: Vec<Cell>) -> Answer {
        Answer {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            cells,
        }
    }

    #[test]
    fn rows_become_records() {
        let cells = vec![
            Cell::Number(1),
            Cell::Number(1),
            Cell::Text("a".into()),
            Cell::Number(2),
            Cell::Null,
            Cell::Null,
        ];
        let read: Vec<Sample> = records(answer(&["number", "FLAG", "text"], cells)).unwrap();
        let sample = |number, flag, text: Option<&str>| Sample {
            number,
            flag,
            text: text.map(str::to_owned),
        };
        assert_eq!(read, [sample(1, true, Some("a")), sample(2, false, None)]);
        let none: Vec<Sample> = records(answer(&["number", "flag", "text"], vec![])).unwrap();
        assert_eq!(none, []);
    }

    #[test]
    fn other_answers_are_refused() {
        let error = records::<Sample>(answer(&["number", "text", "flag"], vec![])).unwrap_err();
        assert!(error.to_string().contains("number, flag, text"), "{error}");
        let cells = vec![Cell::Text("1".into()), Cell::Null, Cell::Null];
        let error = records::<Sample>(answer(&["number", "flag", "text"], cells)).unwrap_err();
        assert!(error.to_string().ends_with("expected for number"), "{error}");
    }

    #[test]
    fn values_of_either_width_and_encoding_are_taken() {
        let mut answer = Answer::default();
        answer.value(Value::Int16(3));
        answer.value(Value::Bool(true));
        answer.value(Value::Utf16(&[0x41, 0, 0x3d, 0xd8, 0x42, 0]));
        answer.value(Value::Float64(1.0));
        assert_eq!(
            answer.cells,
            [
                Cell::Number(3),
                Cell::Number(1),
                Cell::Text("A\u{fffd}B".into()),
                Cell::Strange
            ]
        );
    }
}
