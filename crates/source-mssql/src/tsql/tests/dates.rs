use super::*;

#[test]
fn dates_are_taken_apart_and_put_together() {
    all_equal(
        &[
            ("year([dt])", r#"extract(year from "dt")::integer"#),
            ("datepart(mi,[dt])", r#"extract(minute from "dt")::integer"#),
            (
                "datepart(second,[dt])",
                r#"trunc(extract(second from "dt"))::integer"#,
            ),
            ("datepart(weekday,[dt])", r#"extract(dow from "dt")::integer + 1"#),
            (
                "datepart(week,[dt])",
                "impossible: DATEPART of Week has no exact form in PostgreSQL",
            ),
            ("datename(month,[dt])", r#"to_char("dt", 'FMMonth') [stable]"#),
            ("dateadd(day,1,[date])", r#""date" + 1"#),
            ("dateadd(day,-1,[date])", r#""date" - 1"#),
            (
                "dateadd(month,[int],[date])",
                r#"("date" + make_interval(months => "int"))::date"#,
            ),
            ("dateadd(quarter,2,[dt])", r#""dt" + interval '6 month'"#),
            (
                "dateadd(hour,[int]+1,[dt])",
                r#""dt" + make_interval(hours => "int" + 1)"#,
            ),
            (
                "dateadd(hour,1,[date])",
                "impossible: DATEADD of a time to a date",
            ),
            ("dateadd(hour,1,[dto])", r#""dto" + interval '1 hour' [stable]"#),
            (
                "dateadd(day,datediff(day,0,[dt]),0)",
                r#"timestamp '1900-01-01' + make_interval(days => "dt"::date - timestamp '1900-01-01'::date)"#,
            ),
            ("datediff(day,[date],[dt])", r#""dt"::date - "date""#),
            (
                "datediff(year,[date],[dt])",
                r#"(extract(year from "dt") - extract(year from "date"))::integer"#,
            ),
            (
                "datediff(month,[date],[dt])",
                r#"(extract(year from "dt") * 12 + extract(month from "dt") - (extract(year from "date") * 12 + extract(month from "date")))::integer"#,
            ),
            (
                "datediff(hour,[dt],[dt2])",
                r#"(extract(epoch from date_trunc('hour', "dt2") - date_trunc('hour', "dt")) / 3600)::integer"#,
            ),
            (
                "datediff(ms,[dt],[dt2])",
                "impossible: DATEDIFF in Millisecond has no exact form in PostgreSQL",
            ),
            (
                "eomonth([dt])",
                r#"(date_trunc('month', "dt") + interval '1 month - 1 day')::date"#,
            ),
            ("datefromparts([int],1,[int2])", r#"make_date("int", 1, "int2")"#),
            ("cast([dt] as date)", r#""dt"::date"#),
            ("cast([dt] as time(3))", r#""dt"::time(3)"#),
            ("cast([date] as datetime)", r#""date"::timestamp"#),
            (
                "cast([dt] as smalldatetime)",
                r#"date_trunc('minute', "dt" + interval '30 seconds')"#,
            ),
            (
                "cast([dto] as date)",
                "impossible: a datetimeoffset's own local time is gone, because PostgreSQL keeps no offset",
            ),
            ("cast('20200101' as datetime)", "timestamp '2020-01-01'"),
            ("convert(date,'2020-01-01',120)", "date '2020-01-01'"),
            ("convert(date,[vc],112)", r#""vc"::date [stable]"#),
            (
                "convert(date,[vc])",
                "impossible: text becomes date by the session's language settings in SQL Server (style 0); ISO styles translate",
            ),
            (
                "convert(varchar(10),[dt],112)",
                r#"lpad(extract(year from "dt")::integer::text, 4, '0') || lpad(extract(month from "dt")::integer::text, 2, '0') || lpad(extract(day from "dt")::integer::text, 2, '0')"#,
            ),
            (
                "convert(varchar(30),[dt])",
                "impossible: datetime as text in style 0 has no exact form in PostgreSQL",
            ),
            (
                "convert(varchar(30),[dt2],121)",
                "impossible: datetime2(7) as text in style 121 has no exact form in PostgreSQL",
            ),
            (
                "[dt] at time zone 'UTC'",
                "impossible: AT TIME ZONE uses Windows names for time zones, which PostgreSQL does not know",
            ),
        ],
        computed,
    );
    // Where immutability is of no use, the short form.
    assert_eq!(
        default("convert(varchar(10),getdate(),112)", "varchar(10)"),
        "to_char(localtimestamp(3), 'YYYYMMDD') [stable]"
    );
}
