//! The test kit's server, with an answer for each text of a batch.

use migrate_testkit::bacpac::{Cell, SqlType};
pub(super) use migrate_testkit::tds::Welcome;
use migrate_testkit::tds::{Answer, Column, Encryption, Login, Query, Script, Server, ServerError};

pub(super) struct Fake {
    pub(super) port: u16,
    _server: Server,
}

impl Fake {
    pub(super) fn start(welcome: Welcome) -> Self {
        let server = Server::with(Encryption::Unknown, Said(welcome));
        Self {
            port: server.port(),
            _server: server,
        }
    }
}

struct Said(Welcome);

impl Script for Said {
    fn login(&self, _: &Login) -> Welcome {
        self.0.clone()
    }

    fn answer(&self, query: &Query<'_>) -> Answer {
        let column = [Column::new("c", SqlType::Int).not_null()];
        let rows = |n: i64| {
            let cells = (1..=n).map(|n| [Cell::Int(n)]);
            cells.fold(Answer::begun(&column), |answer, cells| {
                answer.and_row(&column, &cells)
            })
        };
        match query.sql {
            "three rows" => rows(3).and_done(3),
            "error after three rows" => rows(3).and_error(ServerError {
                state: 51,
                ..ServerError::new(1205, 13, "You lost.")
            }),
            // Severities from 20 on end the session.
            "fatal error after three rows" => rows(3).and_error(ServerError::new(21, 20, "Out.")).and_cut(),
            "cut between rows" => rows(3).and_cut(),
            "cut within a row" => rows(3).without_last_bytes(2).and_cut(),
            "cut within a packet" => rows(3).and_cut_within_packet(),
            "cut at once" => Answer::default().and_cut(),
            // Ends when the client sends an attention, which is the next message.
            "three rows and silence" => rows(3).and_stall(),
            "three rows of many" => {
                let many = (0..1000).fold(rows(3).and_flush(), |answer, n| {
                    answer.and_row(&column, &[Cell::Int(n)]).and_flush()
                });
                many.and_stall()
            }
            _ => Answer::done(),
        }
    }
}
