use super::*;

#[test]
fn numbers_are_computed_alike() {
    all_equal(
        &[
            ("(([int]))", r#""int""#),
            ("[int]*([int2]+1)", r#""int" * ("int2" + 1)"#),
            ("([int]*[int2])*2", r#""int" * "int2" * 2"#),
            ("[int]-([int2]-1)", r#""int" - ("int2" - 1)"#),
            ("[int]/2%3", r#""int" / 2 % 3"#),
            ("-[int]", r#"-"int""#),
            ("-(5)", "-5"),
            ("~[tiny]", r#"255 - "tiny""#),
            ("~[int]*2", r#"(~"int") * 2"#),
            ("[int]&[int2]+1", r#"("int" & "int2") + 1"#),
            ("[int]^1|2", r#"("int" # 1) | 2"#),
            ("[bit]&[flag]", r#""bit" and "flag""#),
            ("~[bit]", r#"not "bit""#),
            ("[dec]*[dec]", r#""dec" * "dec""#),
            ("[dec]/[int]", r#"div("dec" * 1e13, "int") * 1e-13"#),
            ("[wide]*[wide]", r#"round("wide" * "wide", 6)"#),
            (
                "[wide]+[wide]*1.0",
                r#"round("wide" + round("wide" * 1.0, 8), 8)"#,
            ),
            ("[money]*[money2]", r#"round("money" * "money2", 4)"#),
            ("[money]*[int]", r#""money" * "int""#),
            ("[money]/3", r#"div("money" * 1e4, 3) * 1e-4"#),
            ("[float]*2", r#""float" * 2"#),
            ("[real]*[int]", r#""real" * "int"::real"#),
            ("[dt]+1", r#""dt" + interval '1 days'"#),
            ("$12.5", "12.5"),
            ("1e5", "1e5::double precision"),
            ("0xfF", r"'\xff'::bytea"),
            ("[int]+'5'", r#""int" + 5"#),
            ("[vc]+1", r#""vc"::integer + 1"#),
            (
                "[date]+1",
                "impossible: date + int has no PostgreSQL form that is known here",
            ),
            (
                "[xml]+1",
                "impossible: xml + int has no PostgreSQL form that is known here",
            ),
            (
                "[int]=1",
                "impossible: `[int] = 1` is a condition where a value is needed",
            ),
            ("[nosuch]+1", "impossible: there is no column `nosuch`"),
            (
                "[int]+",
                "impossible: the T-SQL could not be parsed: Expected: an expression, found: EOF",
            ),
        ],
        computed,
    );
}

#[test]
fn results_have_sql_servers_types() {
    all_equal(
        &[
            ("1", "int not null"),
            ("3000000000", "decimal(10,0) not null"),
            ("1.0", "decimal(2,1) not null"),
            ("1e0", "float not null"),
            ("[tiny]+[small]", "smallint"),
            ("[small]+1", "int"),
            ("[int]*[big]", "bigint"),
            ("[dec]+[dec]", "decimal(11,2)"),
            ("[dec]*[dec]", "decimal(21,4)"),
            ("[dec]/[dec]", "decimal(23,13)"),
            ("[dec]%[int]", "decimal(10,2)"),
            ("[dec]+[int]", "decimal(13,2)"),
            ("[dec]*2", "decimal(12,2)"),
            ("1.0/3", "decimal(7,6) not null"),
            ("[wide]*[wide]", "decimal(38,6)"),
            ("[wide]+[wide]", "decimal(38,10)"),
            ("[wide]/3", "decimal(38,10)"),
            ("[money]+[money]", "money"),
            ("[money]*[int]", "money"),
            ("[money]*(1.0-[money2])", "decimal(38,6)"),
            (
                "isnull(([money]*((1.0)-[money2]))*[Qty!],(0.0))",
                "decimal(38,6) not null",
            ),
            ("isnull(([money]+[money2])+[money],(0))", "money not null"),
            ("[money]*[float]", "float"),
            ("[real]+[dec]", "real"),
            (
                "isnull(N'SO'+CONVERT([nvarchar](23),[int]),N'*** ERROR ***')",
                "nvarchar(25) not null",
            ),
            ("[vc]+[nvc]", "nvarchar(40)"),
            ("[ch]+'x'", "varchar(6)"),
            ("[vc]+[max]", "nvarchar(max)"),
            (
                "isnull([vc],N'much longer than twenty characters')",
                "varchar(20) not null",
            ),
            (
                "coalesce([vc],N'much longer than twenty characters')",
                "nvarchar(34) not null",
            ),
            ("coalesce([int],[dec],0)", "decimal(12,2) not null"),
            ("case when [int]>1 then 1 end", "int"),
            (
                "case when [int]>1 then 'a' else N'bcd' end",
                "nvarchar(3) not null",
            ),
            ("cast([int] as varchar)", "varchar(30)"),
            ("cast([int] as dbo.Name)", "nvarchar(50)"),
            ("substring([vc],2,3)", "varchar(3)"),
            ("upper([Name!])", "nvarchar(50) not null"),
            ("len([max])", "bigint"),
            ("year([dt])", "int"),
            ("dateadd(day,1,[date])", "date"),
            ("[dt]+1", "datetime"),
            ("cast([dt] as date)", "date"),
            ("ceiling([dec])", "decimal(10,0)"),
            ("sqrt([int])", "float"),
            ("[bit]", "bit"),
            (
                "case when [int]=1 then cast(1 as bit) else cast(0 as bit) end",
                "bit not null",
            ),
            ("[id]", "uniqueidentifier"),
            ("concat([vc],[int])", "varchar(31) not null"),
        ],
        type_of,
    );
}

#[test]
fn numbers_change_type_as_in_sql_server() {
    all_equal(
        &[
            ("cast([dec] as int)", r#"trunc("dec")::integer"#),
            ("cast([money] as int)", r#""money"::integer"#),
            ("cast([float] as bigint)", r#"trunc("float")::bigint"#),
            ("cast([int] as bit)", r#""int" <> 0"#),
            ("cast([bit] as int)", r#""bit"::integer"#),
            ("convert(bit,1)", "true"),
            ("cast([int] as decimal(10,2))", r#""int"::numeric(10,2)"#),
            ("cast(1 as decimal(10,2))", "1::numeric(10,2)"),
            ("cast(1.005 as money)", "1.005::numeric(19,4)"),
            ("cast('12' as bigint)", "12::bigint"),
            ("cast(0x10 as int)", "16"),
            ("try_cast([int] as bigint)", r#""int"::bigint"#),
            (
                "try_cast([vc] as int)",
                "impossible: PostgreSQL has no cast to int that gives NULL instead of an error",
            ),
            ("try_convert(int,'12')", "12"),
            (
                "cast([bin] as int)",
                "impossible: the conversion from varbinary(20) to int has no exact form",
            ),
            (
                "cast([float] as varchar(20))",
                "impossible: float as text in style 0 has no exact form in PostgreSQL",
            ),
            (
                "cast([xml] as varchar(max))",
                "impossible: the conversion from xml to varchar(max) has no exact form",
            ),
            (
                "cast([vc] as xml)",
                "impossible: a conversion to xml has no PostgreSQL form that is known here",
            ),
            ("abs([small])", r#"abs("small"::integer)"#),
            ("ceiling([int])", r#""int""#),
            ("floor([dec])", r#"floor("dec")"#),
            ("round([dec],-2)", r#"round("dec", -2)"#),
            ("round([dec],1,1)", r#"trunc("dec", 1)"#),
            ("round([int],-1)", r#"round("int"::numeric, -1)::integer"#),
            ("power([int],2)", r#"power("int"::numeric, 2)::integer"#),
            (
                "power([dec],2)",
                "impossible: POWER of decimal(10,2) is computed in floating point and rounded back",
            ),
            ("sqrt([int])", r#"sqrt("int"::double precision)"#),
            ("iif([int]>1,1,0)", r#"case when "int" > 1 then 1 else 0 end"#),
            (
                "choose([int],'a','b')",
                r#"case when "int" = 1 then 'a' when "int" = 2 then 'b' end"#,
            ),
            (
                "case [int] when 1 then 'a' else 'b' end",
                r#"case when "int" = 1 then 'a' else 'b' end"#,
            ),
            (
                "nullif([vc],0)",
                r#"case when "vc"::integer = 0 then null else "vc" end"#,
            ),
            (
                "nullif([int],2.5)",
                r#"case when "int" = 2.5 then null else "int" end"#,
            ),
            ("nullif([vc],'')", r#"nullif("vc", '')"#),
            (
                "nullif([vc],N'')",
                r#"case when "vc" = '' then null else "vc" end"#,
            ),
            ("nullif([bit],0)", r#"nullif("bit", false)"#),
            ("coalesce([int],[dec],0)", r#"coalesce("int", "dec", 0)"#),
        ],
        computed,
    );
}
