use super::*;

/// Two tables of a small shop.
pub(super) fn shop() -> Scope {
    let mut scope = scope();
    scope.add_relation(ScopeRelation {
        name: ObjectName::new("Sales", "Order"),
        columns: vec![
            column("Id!", "int"),
            column("CustomerId", "int"),
            column("Total", "money"),
            column("Date", "datetime"),
            column("ciName", "nvarchar(20)"),
        ],
    });
    scope.add_relation(ScopeRelation {
        name: ObjectName::new("Sales", "Customer"),
        columns: vec![
            column("Id!", "int"),
            column("Name", "nvarchar(50)"),
            column("ParentId", "int"),
        ],
    });
    scope
}

fn view(query: &str) -> String {
    shown(&translate_view(query, &[], &shop())).replace('\n', " ")
}

#[test]
fn tables_are_joined_under_their_own_names() {
    all_equal(
        &[
            (
                "-- a comment\nSELECT o.*, c.Name FROM sales.[order] AS o INNER JOIN Sales.Customer c ON c.[id!]=o.CustomerId WHERE o.Total>10;",
                r#"select "o"."Id!", "o"."CustomerId", "o"."Total", "o"."Date", "o"."ciName", "c"."Name" from "Sales"."Order" as "o" join "Sales"."Customer" as "c" on "c"."Id!" = "o"."CustomerId" where "o"."Total" > 10"#,
            ),
            (
                "select Sales.Customer.Name n from Sales.Customer with (nolock), Sales.[Order] where Customer.[Id!] = CustomerId",
                r#"select "Customer"."Name" as "n" from "Sales"."Customer" as "Customer", "Sales"."Order" as "Order" where "Customer"."Id!" = "Order"."CustomerId""#,
            ),
            (
                "select a.Name from Sales.Customer a full outer join Sales.Customer b on a.[Id!]=b.ParentId cross join T",
                r#"select "a"."Name" from "Sales"."Customer" as "a" full join "Sales"."Customer" as "b" on "a"."Id!" = "b"."ParentId" cross join "dbo"."T" as "T""#,
            ),
            (
                "select n = Name, (select count(*) from Sales.[Order]) c from Sales.Customer",
                r#"select "Customer"."Name" as "n", (select count(*)::integer from "Sales"."Order" as "Order") as "c" from "Sales"."Customer" as "Customer""#,
            ),
        ],
        view,
    );
}

#[test]
fn rows_are_grouped_limited_and_sorted_as_sql_server_does() {
    all_equal(
        &[
            (
                "select CustomerId, count(*) n, sum(Total) total, avg(CustomerId) a, avg(Total) b from Sales.[Order] group by CustomerId having count(*)>1",
                r#"select "Order"."CustomerId", count(*)::integer as "n", sum("Order"."Total") as "total", trunc(avg("Order"."CustomerId"))::integer as "a", trunc(avg("Order"."Total"), 4) as "b" from "Sales"."Order" as "Order" group by "Order"."CustomerId" having count(*)::integer > 1"#,
            ),
            (
                "select top 10 [Id!] as x, Total from Sales.[Order] order by X desc, Total",
                r#"select "Order"."Id!" as "x", "Order"."Total" from "Sales"."Order" as "Order" order by 1 desc, "Order"."Total" nulls first limit 10"#,
            ),
            (
                "select top (2) with ties [Id!] from Sales.[Order] order by Total desc",
                r#"select "Order"."Id!" from "Sales"."Order" as "Order" order by "Order"."Total" desc nulls last fetch first 2 rows with ties"#,
            ),
            (
                "select top 100 percent [Id!] from Sales.[Order] order by [Id!]",
                r#"select "Order"."Id!" from "Sales"."Order" as "Order" order by "Order"."Id!""#,
            ),
            (
                "select distinct [Id!] from Sales.Customer order by [Id!] offset 5 rows fetch next 10 rows only",
                r#"select distinct "Customer"."Id!" from "Sales"."Customer" as "Customer" order by "Customer"."Id!" limit 10 offset 5"#,
            ),
            (
                "select CustomerId, sum(Total) from Sales.[Order] group by rollup(CustomerId, Date)",
                r#"select "Order"."CustomerId", sum("Order"."Total") from "Sales"."Order" as "Order" group by rollup ("Order"."CustomerId", "Order"."Date")"#,
            ),
            (
                "select sum(Total) over (partition by CustomerId order by Date desc rows between unbounded preceding and current row) s, lag(Total,1,0) over (order by [Id!]) p, row_number() over (order by (select null)) r from Sales.[Order]",
                r#"select sum("Order"."Total") over (partition by "Order"."CustomerId" order by "Order"."Date" desc nulls last rows between unbounded preceding and current row) as "s", lag("Order"."Total", 1, 0) over (order by "Order"."Id!") as "p", row_number() over (order by null::integer) as "r" from "Sales"."Order" as "Order""#,
            ),
            (
                "select string_agg(Name, ',') within group (order by [Id!]) s, count(distinct ParentId) from Sales.Customer",
                r#"select string_agg("Customer"."Name", ',' order by "Customer"."Id!") as "s", count(distinct "Customer"."ParentId")::integer from "Sales"."Customer" as "Customer""#,
            ),
        ],
        view,
    );
}

#[test]
fn queries_stand_in_queries() {
    all_equal(
        &[
            (
                "select c.Name, x.Total from Sales.Customer c cross apply (select top 1 o.Total from Sales.[Order] o where o.CustomerId=c.[Id!] order by o.Total desc) x",
                r#"select "c"."Name", "x"."Total" from "Sales"."Customer" as "c" cross join lateral (select "o"."Total" as "Total" from "Sales"."Order" as "o" where "o"."CustomerId" = "c"."Id!" order by "o"."Total" desc nulls last limit 1) as "x""#,
            ),
            (
                "select c.Name, x.t from Sales.Customer c outer apply (select max(o.Total) from Sales.[Order] o where o.CustomerId=c.[Id!]) as x(t)",
                r#"select "c"."Name", "x"."t" from "Sales"."Customer" as "c" left join lateral (select max("o"."Total") from "Sales"."Order" as "o" where "o"."CustomerId" = "c"."Id!") as "x"("t") on true"#,
            ),
            (
                "select Name from Sales.Customer c where exists (select 1 from Sales.[Order] o where o.CustomerId = c.[Id!]) and not exists (select 1 from T) and [Id!] in (select CustomerId from Sales.[Order])",
                r#"select "c"."Name" from "Sales"."Customer" as "c" where exists (select 1 from "Sales"."Order" as "o" where "o"."CustomerId" = "c"."Id!") and not exists (select 1 from "dbo"."T" as "T") and "c"."Id!" in (select "Order"."CustomerId" from "Sales"."Order" as "Order")"#,
            ),
            (
                "select d.m, d.t from (select month(Date) as m, sum(Total) t from Sales.[Order] group by month(Date)) d",
                r#"select "d"."m", "d"."t" from (select extract(month from "Order"."Date")::integer as "m", sum("Order"."Total") as "t" from "Sales"."Order" as "Order" group by extract(month from "Order"."Date")::integer) as "d""#,
            ),
            (
                "select v.a, v.b from (values (1,'x'),(2.5,'y')) v(a,b)",
                r#"select "v"."a", "v"."b" from (values (1, 'x'), (2.5, 'y')) as "v"("a", "b")"#,
            ),
            (
                "select 1 as a, 'x' b union all select 2.5, 'yy' order by a",
                r#"select 1 as "a", 'x' as "b" union all select 2.5, 'yy' order by 1"#,
            ),
            (
                "select [Id!] from Sales.Customer except (select 1 union select 2)",
                r#"select "Customer"."Id!" from "Sales"."Customer" as "Customer" except (select 1 union select 2)"#,
            ),
            (
                "select '5' x union all select 6",
                "select 5 as \"x\" union all select 6",
            ),
        ],
        view,
    );
}

#[test]
fn common_table_expressions_keep_their_names() {
    all_equal(
        &[
            (
                "with c as (select Name, 1 n from Sales.Customer), d(x) as (select NAME from C) select X from D",
                r#"with "c" as ( select "Customer"."Name" as "Name", 1 as "n" from "Sales"."Customer" as "Customer" ), "d"("x") as ( select "C"."Name" from "c" as "C" ) select "D"."x" from "d" as "D""#,
            ),
            (
                "with t as (select [Id!], 0 as lvl from Sales.Customer where ParentId is null union all select k.[Id!], t.lvl+1 from Sales.Customer k join t on t.[Id!]=k.ParentId) select * from t",
                r#"with recursive "t" as ( select "Customer"."Id!" as "Id!", 0 as "lvl" from "Sales"."Customer" as "Customer" where "Customer"."ParentId" is null union all select "k"."Id!", "t"."lvl" + 1 from "Sales"."Customer" as "k" join "t" on "t"."Id!" = "k"."ParentId" ) select "t"."Id!", "t"."lvl" from "t""#,
            ),
            (
                "with t(id, path) as (select [Id!], cast(Name as nvarchar(200)) from Sales.Customer where ParentId is null union all select k.[Id!], cast(t.path + N'/' + k.Name as nvarchar(200)) from Sales.Customer k join t on t.id=k.ParentId) select path from t",
                r#"with recursive "t"("id", "path") as ( select "Customer"."Id!", "Customer"."Name"::varchar(200) from "Sales"."Customer" as "Customer" where "Customer"."ParentId" is null union all select "k"."Id!", ("t"."path" || '/' || "k"."Name")::varchar(200) from "Sales"."Customer" as "k" join "t" on "t"."id" = "k"."ParentId" ) select "t"."path" from "t""#,
            ),
        ],
        view,
    );
}

#[test]
fn what_has_no_counterpart_says_why() {
    all_equal(
        &[
            (
                "select * from dbo.fn(1)",
                "impossible: the table function dbo.fn has no PostgreSQL form that is known here",
            ),
            (
                "select x from Sales.[Order]",
                "impossible: there is no column `x`",
            ),
            (
                "select 1 a from Sales.Missing",
                "impossible: the table or view Sales.Missing is not known",
            ),
            (
                "select 1 a from other.Sales.[Order]",
                "impossible: other.Sales.Order belongs to another database",
            ),
            (
                "select [Id!] from Sales.[Order], Sales.Customer",
                "impossible: the column `Id!` is ambiguous",
            ),
            (
                "select * from openjson('[]')",
                "impossible: OPENJSON uses SQL Server's JSON paths",
            ),
            (
                "select [Id!] from Sales.[Order] for xml path('')",
                "impossible: FOR XML and FOR JSON have no PostgreSQL form that is known here",
            ),
            (
                "select * from Sales.[Order] pivot (sum(Total) for CustomerId in ([1],[2])) p",
                "impossible: PIVOT has no PostgreSQL form that is known here",
            ),
            (
                "select [xml].value(N'declare namespace p=\"urn:p\"; (/p:a)[1]', 'nvarchar(max)') AS [a] from T",
                "impossible: the xml method .value() (XQuery) has no PostgreSQL form",
            ),
            (
                "select t.c.value('a','int') a from T cross apply [xml].nodes('/a') t(c)",
                "impossible: the xml method .nodes() (XQuery) has no PostgreSQL form",
            ),
            (
                "select dbo.f([int]) a from T",
                "impossible: it calls the user-defined function or method dbo.f",
            ),
            (
                "select top 10 percent [Id!] from Sales.[Order]",
                "impossible: TOP with PERCENT has no PostgreSQL form that is known here",
            ),
            (
                "select d.x from (select [Id!] x from Sales.Customer) d, (select d.x y) e",
                "impossible: there is no column `d.x`",
            ),
            (
                "select * from T for system_time all",
                "impossible: FOR SYSTEM_TIME has no PostgreSQL form, because the history table is a table of its own",
            ),
            (
                "select 1 a; drop table T",
                "impossible: the T-SQL could not be parsed past `drop`",
            ),
        ],
        view,
    );
    let columns = ["a".to_owned(), "b".to_owned()];
    assert_eq!(
        shown(&translate_view("select 1 x", &columns, &shop())),
        "impossible: the query has 1 columns and the view 2"
    );
}

#[test]
fn names_without_a_schema_mean_one_table_or_none() {
    assert_eq!(
        view("select max([Id!]) m from customer"),
        r#"select max("customer"."Id!") as "m" from "Sales"."Customer" as "customer""#
    );
    let mut scope = shop();
    let columns = vec![column("x", "int")];
    scope.add_relation(ScopeRelation {
        name: ObjectName::new("dbo", "Customer"),
        columns,
    });
    let query = "select max(x) m from Customer";
    assert_eq!(
        shown(&translate_view(query, &[], &scope)),
        "impossible: `Customer` without a schema could be Sales.Customer or dbo.Customer"
    );
    scope.set_default_schema(Some("Other"));
    assert_eq!(
        shown(&translate_view(query, &[], &scope)).replace('\n', " "),
        r#"select max("Customer"."x") as "m" from "dbo"."Customer" as "Customer""#
    );
    scope.set_default_schema(Some("sales"));
    assert_eq!(
        shown(&translate_view(query, &[], &scope)),
        "impossible: there is no column `x`"
    );
}

#[test]
fn columns_of_a_view_have_types() {
    let query =
        "select o.[Id!], c.Name, sum(o.Total) over () s, count(*) over () n, o.Total/3 t, N'x'+c.Name x
        from Sales.[Order] o left join Sales.Customer c on c.[Id!]=o.CustomerId";
    let (_, types) = translate_view_typed(query, &[], &shop());
    let shown: Vec<String> = types
        .into_iter()
        .map(|t| t.unwrap())
        .map(|t| {
            format!(
                "{} {} {}",
                t.native,
                t.pg,
                if t.nullable == Some(true) {
                    "null"
                } else {
                    "not null"
                }
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "int integer not null",
            "nvarchar(50) varchar(50) null",
            "money numeric(19,4) null",
            "int integer not null",
            "money numeric(19,4) null",
            "nvarchar(51) varchar(51) null",
        ]
    );
}

#[test]
fn a_view_knows_what_it_is_made_of() {
    let names = |query: &str| {
        view_dependencies(query, &shop())
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names("select [xml].nodes('/a') from t join [Sales].[Customer] c on 1=1"),
        ["dbo.T", "Sales.Customer"]
    );
    assert_eq!(
        names("with x as (select * from Sales.Order) select * from x"),
        ["Sales.Order"]
    );
    assert_eq!(names("select 'from T' from -- T\n other"), [] as [&str; 0]);
}
