//! How results begin, pause, end, fail and are cancelled.

use super::collect::{Cell, Rows, text};
use super::{Fetch, all, one, open, query, servers};
use crate::live::pool::Pool;
use crate::live::read::sessions::Sessions;

/// `n` numbers from 1 on, without a table.
fn numbers(n: u32) -> String {
    format!(
        "(select top {n} row_number() over (order by (select 1)) as n from \
         (values (0),(0),(0),(0),(0),(0),(0),(0),(0),(0)) a(x) \
         cross join (values (0),(0),(0),(0),(0),(0),(0),(0),(0),(0)) b(x) \
         cross join (values (0),(0),(0),(0),(0),(0),(0),(0),(0),(0)) c(x) \
         cross join (values (0),(0),(0),(0),(0),(0),(0),(0),(0),(0)) d(x)) t"
    )
}

#[tokio::test]
async fn a_result_can_pause_after_every_row() {
    for config in servers() {
        let mut session = open(&config).await;
        let sql = format!(
            "select cast(n as int) as n, cast(n as varchar(10)) as t from {} order by n",
            numbers(1000)
        );
        let columns = session.start(query(&sql)).await.unwrap();
        let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["n", "t"]);
        let mut rows = Rows::pausing_after(7);
        let mut pauses = 0;
        while session.fetch(&mut rows).await.unwrap() == Fetch::More {
            pauses += 1;
        }
        assert_eq!(pauses, 1000 / 7);
        let expected: Vec<_> = (1..=1000)
            .map(|n| vec![Cell::Int32(n), text(n.to_string())])
            .collect();
        assert_eq!(rows.rows, expected);
        assert!(!session.is_broken());
        assert_eq!(one(&mut *session, "select 1 as c").await, [Cell::Int32(1)]);
    }
}

#[tokio::test]
async fn an_empty_result_has_columns_and_an_end() {
    for config in servers() {
        let mut session = open(&config).await;
        let columns = session
            .start(query("select 1 as a, 2 as b where 1 = 0"))
            .await
            .unwrap();
        assert_eq!(columns.len(), 2);
        let mut rows = Rows::default();
        assert_eq!(session.fetch(&mut rows).await.unwrap(), Fetch::End);
        assert_eq!(rows.rows, Vec::<Vec<Cell>>::new());
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_result_is_no_end() {
    for config in servers() {
        let mut session = open(&config).await;
        for sql in [
            format!(
                "select 1 / (cast(n as int) - 500) as c from {} order by n",
                numbers(1000)
            ),
            format!(
                "select cast(case when n = 500 then 'x' else '1' end as int) as c from {} order by n",
                numbers(1000)
            ),
        ] {
            session.start(query(&sql)).await.unwrap();
            let mut rows = Rows::default();
            let error = loop {
                match session.fetch(&mut rows).await {
                    Ok(Fetch::More) => {}
                    Ok(Fetch::End) => panic!(
                        "{}: {} rows, and no error",
                        config.driver.unwrap().name(),
                        rows.rows.len()
                    ),
                    Err(error) => break error,
                }
            };
            assert!(rows.rows.len() < 500, "{}", rows.rows.len());
            assert!(
                error.message().starts_with("testing failed: SQL Server error "),
                "{error}"
            );
            assert!(!error.is_transient());
            assert!(!session.is_broken(), "{:?}", config.driver);
            assert_eq!(one(&mut *session, "select 1 as c").await, [Cell::Int32(1)]);
        }
    }
}

#[tokio::test]
async fn an_error_after_the_last_row_is_no_end_either() {
    for config in servers() {
        let mut session = open(&config).await;
        let error = all(&mut *session, "select 1 as c; raiserror('late', 16, 1)")
            .await
            .unwrap_err();
        assert_eq!(error.message(), "testing failed: SQL Server error 50000, late");
        assert_eq!(one(&mut *session, "select 1 as c").await, [Cell::Int32(1)]);
    }
}

#[tokio::test]
async fn statements_without_rows_are_told_to_be_done_or_failed() {
    for config in servers() {
        let mut session = open(&config).await;
        session.execute(query("create table #t (id int)")).await.unwrap();
        session
            .execute(query("insert into #t values (1), (2); select * from #t"))
            .await
            .unwrap();
        assert_eq!(
            one(&mut *session, "set nocount on; select count(*) as c from #t").await,
            [Cell::Int32(2)]
        );
        let error = session
            .execute(query("insert into #t values ('x1')"))
            .await
            .unwrap_err();
        assert!(error.message().starts_with("testing failed: SQL Server error "));
        assert!(!error.message().contains("x1"), "{error}");
        let error = session
            .start(query("select * from dbo.no_such_table"))
            .await
            .unwrap_err();
        assert!(
            error.message().starts_with("testing failed: SQL Server error "),
            "{error}"
        );
        assert!(!session.is_broken());
        assert_eq!(
            one(&mut *session, "select count(*) as c from #t").await,
            [Cell::Int32(2)]
        );
    }
}

#[tokio::test]
async fn a_query_can_be_cancelled_in_the_middle() {
    for config in servers() {
        let mut session = open(&config).await;
        // More than fits between server and client, so that the server is in the middle too.
        let long = format!("select n, replicate('x', 4000) as t from {}", numbers(10_000));
        session.start(query(&long)).await.unwrap();
        let mut rows = Rows::pausing_after(10);
        assert_eq!(session.fetch(&mut rows).await.unwrap(), Fetch::More);
        session.cancel().await.unwrap();
        if session.is_broken() {
            // A driver may give the connection up; then it says so.
            println!("{:?} gave the connection up", config.driver);
            continue;
        }
        assert_eq!(one(&mut *session, "select 1 as c").await, [Cell::Int32(1)]);
        // With nothing open there is nothing to do.
        session.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    for mut config in servers() {
        config.statement_timeout = Some(std::time::Duration::from_millis(200));
        let mut session = open(&config).await;
        let slow = format!(
            "select count(*) as c from {} cross join {} where a.n + b.n < 0",
            numbers(10_000).replace(") t", ") a"),
            numbers(10_000).replace(") t", ") b")
        );
        let error = session.execute(query(&slow)).await.unwrap_err();
        assert!(
            error
                .message()
                .starts_with("testing failed: the server said nothing for"),
            "{error}"
        );
        assert!(error.is_transient());
        assert!(session.is_broken());
    }
}

#[tokio::test]
async fn large_values_arrive_whole() {
    const MIB: usize = 1 << 20;
    for config in servers() {
        let mut session = open(&config).await;
        let sql = "select replicate(cast(N'\u{E4}b' as nvarchar(max)), 5242880) as t, \
             cast(replicate(cast('0123456789abcdef' as varchar(max)), 1310720) as varbinary(max)) as b, \
             replicate(cast('x' as varchar(max)), 20971520) as v, 1 as n";
        let row = one(&mut *session, sql).await;
        assert!(row[0] == text("\u{E4}b".repeat(5 * MIB)));
        assert!(row[1] == Cell::Bytes(b"0123456789abcdef".repeat(MIB * 20 / 16)));
        assert!(row[2] == text("x".repeat(20 * MIB)));
        assert_eq!(row[3], Cell::Int32(1));
    }
}

#[tokio::test]
async fn a_pools_sessions_are_set_up_and_keep_a_transaction() {
    for config in servers() {
        let pool = Pool::new(config);
        let mut session = pool.take().await.unwrap();
        let row = one(&mut *session, "select @@lock_timeout as a, @@datefirst as b").await;
        assert_eq!(row, [60_000, 7].map(Cell::Int32));
        // Both drivers have to send the transaction's number with what follows.
        session.execute(query("create table #t (id int)")).await.unwrap();
        session.execute(query("begin transaction")).await.unwrap();
        session.execute(query("insert into #t values (1)")).await.unwrap();
        assert_eq!(
            one(&mut *session, "select @@trancount as c").await,
            [Cell::Int32(1)]
        );
        session.execute(query("rollback transaction")).await.unwrap();
        assert_eq!(
            one(&mut *session, "select count(*) as c from #t").await,
            [Cell::Int32(0)]
        );
        pool.give_back(session);
        assert_eq!(
            one(&mut *pool.take().await.unwrap(), "select 1 as c").await,
            [Cell::Int32(1)]
        );
    }
}
