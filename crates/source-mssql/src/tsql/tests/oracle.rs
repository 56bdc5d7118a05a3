//! PostgreSQL itself as the judge: it has to accept every translation, compute what SQL Server computes, and agree on
//! which are immutable. Expected values are SQL Server's, worked out from its documentation.

use std::io::Write as _;
use std::process::Stdio;

use migrate_pg_embedded::Cluster;

use super::*;

/// The one row of the table, by column.
const ROW: &[(&str, &str)] = &[
    ("bit", "true"),
    ("tiny", "200"),
    ("small", "-5"),
    ("int", "7"),
    ("int2", "-3"),
    ("big", "5000000000"),
    ("dec", "1234.56"),
    ("wide", "2.0000000000"),
    ("money", "10.1234"),
    ("money2", "3.3333"),
    ("real", "0.1"),
    ("float", "2.5"),
    ("date", "'2024-01-31'"),
    ("time", "'10:20:30.456'"),
    ("dt", "'2024-02-29 23:59:59.997'"),
    ("sdt", "'2024-02-29 12:30'"),
    ("dt2", "'2025-03-01 00:00:00.123456'"),
    ("dto", "'2024-06-01 12:00:00+02'"),
    ("vc", "'Abc  '"),
    ("nvc", "'hello'"),
    ("ch", "'ab'"),
    ("nch", "'ab'"),
    ("max", "null"),
    ("ci", "'CA'"),
    ("bin", "'\\x0102ff'"),
    ("id", "'6f9619ff-8b86-d011-b42d-00c04fc964ff'"),
    ("xml", "'<a/>'"),
    ("Qty!", "3"),
    ("Name!", "'Road-150'"),
    ("flag", "false"),
];

/// T-SQL values and what they are, as PostgreSQL prints them; `NULL` for NULL.
const VALUES: &[(&str, &str)] = &[
    ("[int]/2", "3"),
    ("[int2]/2", "-1"),
    ("[int2]%2", "-1"),
    ("-[int]%4", "-3"),
    ("2.0/3", "0.666666"),
    ("-2.0/3", "-0.666666"),
    ("[dec]/[int]", "176.3657142857142"),
    ("[wide]/3", "0.6666666666"),
    ("[money]/3", "3.3744"),
    ("[money]*[money2]", "33.7443"),
    ("[wide]*[wide]", "4.000000"),
    ("[dec]+1", "1235.56"),
    ("[float]*2", "5"),
    ("isnull(([money]*((1.0)-[money2]))*[Qty!],(0.0))", "-70.862787"),
    ("~[tiny]", "55"),
    ("~[int]", "-8"),
    ("[int]&3|8", "11"),
    ("[int]^1", "6"),
    ("~[int]*2", "-16"),
    ("[int]&[int2]+1", "6"),
    ("[bit]&[flag]", "false"),
    ("cast([dec] as int)", "1234"),
    ("cast(-1.9 as int)", "-1"),
    ("cast([money] as int)", "10"),
    ("cast([float] as int)", "2"),
    ("cast([int] as varchar(3))", "7"),
    ("cast([big] as varchar(3))", "*"),
    ("convert(varchar(20),[dec])", "1234.56"),
    ("convert(varchar(30),[dec]*2.00)", "2469.1200"),
    ("convert(varchar(30),[money])", "10.12"),
    ("convert(varchar(30),[money],2)", "10.1234"),
    ("cast([bit] as varchar(5))", "1"),
    ("cast([id] as char(36))", "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
    ("convert(varchar(10),[dt],112)", "20240229"),
    ("convert(varchar(10),[dt],103)", "29/02/2024"),
    ("convert(varchar(30),[dt],121)", "2024-02-29 23:59:59.997"),
    ("convert(varchar(30),[dt],120)", "2024-02-29 23:59:59"),
    ("convert(varchar(8),[dt],108)", "23:59:59"),
    ("convert(varchar(4),[date],112)", "2024"),
    ("cast([date] as varchar(10))", "2024-01-31"),
    ("convert(varchar(10),[bin],1)", "0x0102FF"),
    ("cast([dt] as smalldatetime)", "2024-03-01 00:00:00"),
    ("cast([dt] as date)", "2024-02-29"),
    ("cast('2024-02-30' as varchar(4))", "2024"),
    ("cast([date] as datetime)", "2024-01-31 00:00:00"),
    ("[dt]+1", "2024-03-01 23:59:59.997"),
    ("len([vc])", "3"),
    ("len([ch])", "2"),
    ("datalength([nvc])", "10"),
    ("[ch]+'|'", "ab   |"),
    ("[vc]+'|'", "Abc  |"),
    ("[max]+'|'", "NULL"),
    ("concat([max],'|',[int],[bit])", "|71"),
    ("left([nvc],2)", "he"),
    ("left([nvc],[int])", "hello"),
    ("right('00000'+convert(varchar(5),[int]),5)", "00007"),
    ("substring([nvc],0,3)", "he"),
    ("substring([nvc],-1,3)", "h"),
    ("substring([nvc],4,100)", "lo"),
    ("substring([nvc],10,5)", ""),
    ("substring([bin],2,1)", "\\x02"),
    ("charindex('l',[nvc])", "3"),
    ("charindex('l',[nvc],4)", "4"),
    ("charindex('l',[nvc],5)", "0"),
    ("charindex('h',[nvc],-4)", "1"),
    ("stuff([nvc],2,2,'EY')", "hEYlo"),
    ("stuff([nvc],9,2,'EY')", "NULL"),
    ("replicate('ab',3)", "ababab"),
    ("replicate('ab',[int2])", "NULL"),
    ("replicate('ab',-1)+'x'", "NULL"),
    ("space([int2])+'x'", "NULL"),
    ("space([Qty!])+'x'", "   x"),
    ("space(-1)+'x'", "NULL"),
    ("replace([nvc],'l','')", "heo"),
    ("upper(reverse([nvc]))", "OLLEH"),
    ("rtrim([vc])+'|'", "Abc|"),
    ("ltrim([ch])+'|'", "ab   |"),
    ("trim('h' from [nvc])", "ello"),
    ("str([int],5)", "    7"),
    ("str([dec],8,1)", "  1234.6"),
    ("str([dec],2)", "**"),
    ("char(65)+nchar(228)", "A\u{e4}"),
    ("ascii('A')", "65"),
    ("ascii('')", "NULL"),
    ("quotename([nvc])", "[hello]"),
    ("space(2)+'x'", "  x"),
    ("isnull([max],'n')", "n"),
    ("isnull([ch],'n')+'|'", "ab   |"),
    (
        "isnull(nullif([vc],[vc]),N'12345678901234567890123')",
        "12345678901234567890",
    ),
    ("coalesce([max],[nvc],'x')", "hello"),
    ("nullif([int],7)", "NULL"),
    ("nullif([bit],0)", "true"),
    ("iif([bit]=1,'y','n')", "y"),
    ("choose([Qty!],'a','b','c')", "c"),
    ("choose(9,'a','b')", "NULL"),
    ("case [int] when 7 then 1 when 8 then 2.5 end", "1"),
    ("round([dec],1)", "1234.6"),
    ("convert(varchar(10),round([dec],1))", "1234.60"),
    ("round([dec],-2)", "1200"),
    ("round([dec],1,1)", "1234.5"),
    ("round([int],-1)", "10"),
    ("round(-2.5,0)", "-3"),
    ("floor(-[dec])", "-1235"),
    ("ceiling([dec])", "1235"),
    ("abs([small])", "5"),
    ("sign([int2])", "-1"),
    ("power([int],3)", "343"),
    ("sqrt(16)", "4"),
    ("square(3)", "9"),
    ("year([dt])*100+month([dt])", "202402"),
    ("day([date])", "31"),
    ("datepart(quarter,[date])", "1"),
    ("datepart(dayofyear,[dt])", "60"),
    ("datepart(second,[dt])", "59"),
    ("datepart(millisecond,[dt])", "997"),
    ("datepart(weekday,'20240303')", "1"),
    ("datepart(iso_week,'20240101')", "1"),
    ("datepart(hour,[time])", "10"),
    ("dateadd(month,1,[date])", "2024-02-29"),
    ("dateadd(year,1,[dt])", "2025-02-28 23:59:59.997"),
    ("dateadd(week,-1,[date])", "2024-01-24"),
    ("dateadd(minute,[int],[sdt])", "2024-02-29 12:37:00"),
    ("dateadd(day,datediff(day,0,[dt]),0)", "2024-02-29 00:00:00"),
    ("datediff(year,'20231231','20240101')", "1"),
    ("datediff(month,'20240131','20240201')", "1"),
    ("datediff(month,[dt2],[dt])", "-13"),
    ("datediff(quarter,'20231231','20240101')", "1"),
    ("datediff(day,'2024-01-01 23:59:59','2024-01-02 00:00:00')", "1"),
    ("datediff(hour,'2024-01-01 23:59:59','2024-01-02 00:00:00')", "1"),
    ("datediff(minute,[dt],[dt2])", "525601"),
    (
        "datediff(second,'2024-01-01 00:00:00.900','2024-01-01 00:00:01.100')",
        "1",
    ),
    ("datediff(week,'20240302','20240303')", "1"),
    ("datediff(week,'20240303','20240309')", "0"),
    ("datediff_big(second,'19000101','20240101')", "3913056000"),
    ("eomonth('20240215')", "2024-02-29"),
    ("eomonth([date],1)", "2024-02-29"),
    ("datefromparts(2024,2,29)", "2024-02-29"),
    ("datetimefromparts(2024,2,29,1,2,3,45)", "2024-02-29 01:02:03.045"),
    ("0xFF+0x01", "\\xff01"),
    ("cast(0x10 as int)", "16"),
    ("cast('' as int)", "0"),
    ("cast([dt] as datetimeoffset)", "2024-02-29 18:59:59.997-05"),
];

/// Conditions that hold, in T-SQL and so in PostgreSQL.
const TRUE: &[&str] = &[
    "[bit]=1",
    "[flag]=0",
    "[flag]<>1",
    "[bit]>0",
    "[bit] in (0,1)",
    "[int]=N'7'",
    "[real]=0.1",
    "[dt]>'20240229'",
    "[date]<[dt]",
    "[ch]='ab'",
    "[ch]='ab   '",
    "'ab'=[ch]",
    "[vc] like 'Abc'",
    "[vc] like 'Abc '",
    "[vc] not like 'Abc   '",
    "[vc] like 'Abc_'",
    "[vc] not like 'Abc___'",
    "[vc] like '[A]b[c]'",
    "[vc] like 'Ab[^x]'",
    "[vc] not like N'Abc'",
    "[vc] like N'Abc  '",
    "[ch] like 'ab'",
    "[ch] like 'ab   '",
    "[ch] like 'ab %'",
    "[ch] not like 'a'",
    "[ch] like N'ab   '",
    "[ch] not like N'ab'",
    "[nch] not like 'ab'",
    "[nch] like 'ab   '",
    "[nch] like 'ab%'",
    "[nch] not like '[a]b'",
    "'' like ''",
    "'  ' like ''",
    "[nvc] like 'h_l%'",
    "[nvc] like '[g-i]ello'",
    "[nvc] not like '[^h]%'",
    "[ci] like '[a-z][a-z]'",
    "[ci] like 'c%'",
    "[Name!] like '%-[0-9][0-9][0-9]'",
    "[Name!] not like '%[_]%'",
    "'50%' like '50[%]'",
    "'a\\b' like 'a\\b'",
    "'a%b' like 'a!%b' escape '!'",
    "'x]y' like '%]%'",
    "'line\nbreak' like 'line%'",
    "'line\nbreak' like '[l]%[k]'",
    "not ([int]=1 or [int]=2)",
    "[int] between 1 and 7",
    "[date] between '1/1/2024' and [dt]",
    "[int] & 4 = 4",
    "[int] !< 7",
    "[int] not in (1,2)",
    "[max] is null and [xml] is not null",
    "[id]='{6F9619FF-8B86-D011-B42D-00C04FC964FF}'",
    "isnull([flag],0)=0",
    "[dto]='2024-06-01 10:00:00'",
    "[bin]=0x0102FF",
    "[time]>'10:00'",
];

/// Queries, and their rows as PostgreSQL prints them, in order.
const QUERIES: &[(&str, &str)] = &[
    (
        "select c.Name, o.Total from Sales.Customer c left join Sales.[Order] o on o.CustomerId=c.[Id!] where c.[Id!]>1",
        "(Bob,) (Cid,)",
    ),
    (
        "select CustomerId, count(*) n, sum(Total) t, avg(CustomerId*2+[Id!]) a, avg(Total) m from Sales.[Order] group by CustomerId",
        "(,1,5.0000,,5.0000) (1,2,30.0000,3,15.0000) (2,1,,7,)",
    ),
    (
        "select top 2 [Id!] as x, Total from Sales.[Order] order by Total",
        "(3,) (4,5.0000)",
    ),
    (
        "select top 2 Total from Sales.[Order] order by Total desc",
        "(10.0000) (20.0000)",
    ),
    (
        "with t(id, lvl, path) as (select [Id!], 0, cast(Name as nvarchar(200)) from Sales.Customer where ParentId is null          union all select k.[Id!], t.lvl+1, cast(t.path + N'/' + k.Name as nvarchar(200)) from Sales.Customer k join t on t.id=k.ParentId)          select * from t",
        "(1,0,Ann) (2,1,Ann/Bob) (3,2,Ann/Bob/Cid)",
    ),
    (
        "with t as (select [Id!], Name, ParentId from Sales.Customer where ParentId is null union all          select k.[Id!], k.Name, k.ParentId from Sales.Customer as k inner join t on t.[Id!]=k.ParentId)          select p.Name as a, t.Name as b from t join Sales.Customer p on p.[Id!]=t.ParentId",
        "(Ann,Bob) (Bob,Cid)",
    ),
    (
        "select c.Name, x.Total from Sales.Customer c cross apply (select top 1 o.Total from Sales.[Order] o where o.CustomerId=c.[Id!] order by o.Total desc) x",
        "(Ann,20.0000) (Bob,)",
    ),
    (
        "select c.Name, x.t from Sales.Customer c outer apply (select max(o.Total) t from Sales.[Order] o where o.CustomerId=c.[Id!] having count(*)>0) x",
        "(Ann,20.0000) (Bob,) (Cid,)",
    ),
    (
        "select Name from Sales.Customer c where exists (select * from Sales.[Order] o where o.CustomerId = c.[Id!]) and [Id!] in (select CustomerId from Sales.[Order] where Total > 1)",
        "(Ann)",
    ),
    (
        "select [Id!], row_number() over (order by Total) r, lag(Total,1,0) over (order by [Id!]) p, sum(Total) over (order by [Id!] rows between unbounded preceding and current row) s, ntile(2) over (order by [Id!]) n from Sales.[Order]",
        "(1,3,0,10.0000,1) (2,4,10.0000,30.0000,1) (3,1,20.0000,30.0000,2) (4,2,,35.0000,2)",
    ),
    (
        "select v.a, v.b from (values (1,'x'),(2.5,'y')) v(a,b)",
        "(1,x) (2.5,y)",
    ),
    (
        "select '5' x union select 6 union all select 6 order by x",
        "(5) (6) (6)",
    ),
    (
        "select [Id!] from Sales.[Order] except (select 1 union select 2)",
        "(3) (4)",
    ),
    (
        "select d.m, d.t from (select month(Date) as m, sum(Total) t from Sales.[Order] group by month(Date)) d where d.t is not null",
        "(1,10.0000) (2,20.0000) (3,5.0000)",
    ),
    (
        "select CustomerId, year(Date) y, count(*) n from Sales.[Order] group by rollup(CustomerId, year(Date)) having grouping(CustomerId)=1",
        "(,,4)",
    ),
    (
        "select year(Date) y, case when Total is null then 'none' else 'some' end s, count(distinct CustomerId) c from Sales.[Order] group by year(Date), case when Total is null then 'none' else 'some' end",
        "(2024,none,1) (2024,some,1)",
    ),
    (
        "select string_agg(Name, '-') within group (order by [Id!] desc) s from Sales.Customer",
        "(Cid-Bob-Ann)",
    ),
    (
        "select top 1 with ties ciName from Sales.[Order] where ciName is not null order by ciName",
        "(x) (x)",
    ),
    (
        "select distinct ciName from Sales.[Order] order by ciName offset 1 rows fetch next 1 rows only",
        "(x)",
    ),
];

fn ddl() -> String {
    let scope = views::shop();
    let relation = scope.relation("dbo", "T").unwrap();
    let columns: Vec<String> = relation
        .columns
        .iter()
        .map(|c| format!("\"{}\" {}", c.name, c.pg))
        .collect();
    let values: Vec<&str> = relation
        .columns
        .iter()
        .map(|c| {
            ROW.iter()
                .find(|(name, _)| *name == c.name)
                .map(|(_, v)| *v)
                .unwrap()
        })
        .collect();
    format!(
        "create schema dbo;\ncreate table dbo.\"T\" ({});\ninsert into dbo.\"T\" values ({});\n\
        create schema \"Sales\";\n\
        create table \"Sales\".\"Customer\" (\"Id!\" int not null, \"Name\" varchar(50), \"ParentId\" int);\n\
        insert into \"Sales\".\"Customer\" values (1, 'Ann', null), (2, 'Bob', 1), (3, 'Cid', 2);\n\
        create table \"Sales\".\"Order\" (\"Id!\" int not null, \"CustomerId\" int, \"Total\" numeric(19,4), \
        \"Date\" timestamp(3), \"ciName\" varchar(20));\n\
        insert into \"Sales\".\"Order\" values (1, 1, 10, '2024-01-15', 'x'), (2, 1, 20, '2024-02-15', 'z'), \
        (3, 2, null, '2024-02-20', null), (4, null, 5, '2024-03-01', 'x');\n",
        columns.join(", "),
        values.join(", ")
    )
}

pub(super) fn sql_of(expr: &Expr) -> Result<(String, bool), String> {
    match &expr.translation {
        Translation::Impossible { reason } => Err(reason.clone()),
        Translation::Done { immutable, .. } => {
            let text = shown(expr);
            Ok((
                text.strip_suffix(" [stable]").unwrap_or(&text).to_owned(),
                *immutable,
            ))
        }
    }
}

/// Runs a script and returns what it printed, errors among it, in order.
fn run(script: &str) -> String {
    let cluster = Cluster::shared(None, &[]).unwrap();
    let database = format!("tsql_{}_{}", std::process::id(), script.len());
    cluster.create_database(&database).unwrap();
    let mut child = cluster
        .psql(&database)
        .unwrap()
        .args([
            "-X",
            "-At",
            "-q",
            "-v",
            "ON_ERROR_STOP=0",
            "-v",
            "VERBOSITY=terse",
        ])
        .env("PGTZ", "America/New_York")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = format!("\\o /dev/stdout\n{script}");
    let writer = std::thread::spawn(move || {
        stdin.write_all(text.as_bytes()).unwrap();
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// One question to the server: a statement that prints one line.
pub(super) struct Question {
    pub(super) about: String,
    pub(super) sql: String,
    pub(super) expected: String,
}

pub(super) fn ask(questions: &[Question]) {
    let mut script = ddl();
    for (i, q) in questions.iter().enumerate() {
        // Errors become lines too, so that each question has its own answer.
        let sql = q.sql.replace('\'', "''");
        script.push_str(&format!(
            "select '<{i}>' || pg_temp.answer('{sql}') || '</{i}>';\n"
        ));
    }
    let function = "create function pg_temp.answer(q text) returns text language plpgsql as $$\n\
        declare r text;\nbegin if q like 'select%' then execute q into r; else execute q; end if; return coalesce(r, 'NULL');\n\
        exception when others then return 'ERROR ' || sqlerrm; end $$;\n";
    let output = run(&format!("{function}{script}"));
    let mut wrong = Vec::new();
    for (i, q) in questions.iter().enumerate() {
        let got = output
            .split_once(&format!("<{i}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{i}>")))
            .map_or("no answer", |(answer, _)| answer);
        if got != q.expected {
            wrong.push(format!(
                "{}\n   {}\n   wanted {}\n   got    {got}",
                q.about, q.sql, q.expected
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}\n{}",
        wrong.len(),
        questions.len(),
        wrong.join("\n"),
        ""
    );
}

#[test]
fn values_are_those_of_sql_server() {
    let mut questions = Vec::new();
    for (native, expected) in VALUES {
        for usage in [
            Usage::Computed,
            Usage::Default {
                target: PgType::Other("any".to_owned()),
            },
        ] {
            // A default of an unknown type is written as it is, so dates use the shorter forms.
            let expr = translate(native, &usage, &table(), &scope());
            let Ok((sql, _)) = sql_of(&expr) else {
                assert_ne!(usage, Usage::Computed, "{native}: {}", shown(&expr));
                continue;
            };
            questions.push(Question {
                about: native.to_string(),
                sql: format!("select ({sql})::text from dbo.\"T\""),
                expected: expected.to_string(),
            });
        }
    }
    ask(&questions);
}

#[test]
fn conditions_hold_as_in_sql_server() {
    let mut questions = Vec::new();
    for native in TRUE {
        let expr = translate(native, &Usage::Check, &table(), &scope());
        let (sql, _) = sql_of(&expr).unwrap_or_else(|reason| panic!("{native}: {reason}"));
        questions.push(Question {
            about: (*native).to_owned(),
            sql: format!("select ({sql})::text from dbo.\"T\""),
            expected: "true".to_owned(),
        });
    }
    ask(&questions);
}

#[test]
fn views_have_the_rows_of_sql_server() {
    let mut questions = Vec::new();
    for (i, (native, expected)) in QUERIES.iter().enumerate() {
        let expr = translate_view(native, &[], &views::shop());
        let (sql, _) = sql_of(&expr).unwrap_or_else(|reason| panic!("{native}: {reason}"));
        questions.push(Question {
            about: (*native).to_owned(),
            sql: format!("create view v{i} as {sql}"),
            expected: "NULL".to_owned(),
        });
        questions.push(Question {
            about: (*native).to_owned(),
            sql: format!("select string_agg(v::text, ' ' order by v::text) from v{i} as v"),
            expected: (*expected).to_owned(),
        });
    }
    ask(&questions);
}

#[test]
fn postgresql_agrees_on_what_is_immutable() {
    let more = [
        "getdate()",
        "newid()",
        "[dt]<getdate()",
        "suser_sname()",
        "concat_ws(',',[vc],[nvc])",
    ];
    let mut questions = Vec::new();
    for (i, native) in VALUES.iter().map(|(n, _)| *n).chain(more).enumerate() {
        let (expr, ty) = translate_computed(native, &table(), &scope());
        let (Ok((sql, immutable)), Some(ty)) = (sql_of(&expr), ty) else {
            continue;
        };
        let accepted = if immutable {
            "NULL"
        } else {
            "ERROR generation expression is not immutable"
        };
        questions.push(Question {
            about: native.to_owned(),
            sql: format!(
                "create table g{i} (like dbo.\"T\", x {} generated always as ({sql}) stored); insert into g{i} select * from dbo.\"T\"",
                ty.pg
            ),
            expected: accepted.to_owned(),
        });
    }
    ask(&questions);
}
