use super::*;

#[test]
fn defaults_take_the_type_of_their_column() {
    for (native, target, expected) in [
        ("((0))", "boolean", "false"),
        ("((1))", "boolean", "true"),
        ("('true')", "boolean", "true"),
        ("(CONVERT([bit],(0)))", "boolean", "false"),
        ("((1))", "smallint", "1"),
        ("((-1))", "integer", "-1"),
        ("('5')", "integer", "5"),
        ("('')", "integer", "0"),
        ("((1.9))", "integer", "1"),
        ("((70000))", "smallint", "impossible: 70000 does not fit smallint"),
        ("((0))", "varchar(5)", "'0'"),
        ("(N'O''Brien')", "text", "'O''Brien'"),
        ("('C:\\\r\nx')", "text", "'C:x'"),
        ("('a\\b')", "text", "'a\\b'"),
        ("((0.00))", "numeric(19,4)", "0.00"),
        ("((100))", "double precision", "100"),
        ("(NULL)", "integer", "null"),
        ("(0x00)", "bytea", "'\\x00'::bytea"),
        ("('')", "timestamp(3)", "timestamp '1900-01-01'"),
        ("((0))", "timestamp(3)", "timestamp '1900-01-01'"),
        ("('9999-12-31')", "date", "date '9999-12-31'"),
        ("(getdate())", "timestamp(3)", "localtimestamp(3) [stable]"),
        ("(getdate())", "date", "localtimestamp(3)::date [stable]"),
        (
            "(getdate())",
            "timestamptz",
            "(localtimestamp(3) at time zone 'UTC') [stable]",
        ),
        (
            "(CONVERT([date],getdate()))",
            "date",
            "localtimestamp(3)::date [stable]",
        ),
        ("(sysdatetime())", "timestamp", "localtimestamp [stable]"),
        (
            "(getutcdate())",
            "timestamp(3)",
            "(now() at time zone 'utc') [stable]",
        ),
        ("(sysdatetimeoffset())", "timestamptz", "now() [stable]"),
        (
            "(dateadd(day,(30),getdate()))",
            "timestamp(3)",
            "localtimestamp(3) + interval '30 day' [stable]",
        ),
        (
            "(datepart(year,getdate()))",
            "integer",
            "extract(year from localtimestamp(3))::integer [stable]",
        ),
        ("(newid())", "uuid", "gen_random_uuid() [stable]"),
        ("(newsequentialid())", "uuid", "gen_random_uuid() [stable]"),
        (
            "('{6F9619FF-8B86-D011-B42D-00C04FC964FF}')",
            "uuid",
            "'6f9619ff-8b86-d011-b42d-00c04fc964ff'::uuid",
        ),
        (
            "(left(newid(),(8)))",
            "varchar(8)",
            "left(upper(gen_random_uuid()::text), 8) [stable]",
        ),
        ("(suser_sname())", "varchar(128)", "session_user::text [stable]"),
        ("(user_name())", "varchar(128)", "current_user::text [stable]"),
        (
            "(NEXT VALUE FOR [Sales].[Numbers])",
            "integer",
            "nextval('\"Sales\".\"Numbers\"') [stable]",
        ),
        ("('<a/>')", "xml", "'<a/>'"),
        (
            "(@@spid)",
            "integer",
            "impossible: `@@spid` has no counterpart in PostgreSQL",
        ),
        (
            "([dbo].[next]())",
            "integer",
            "impossible: it calls the user-defined function or method dbo.next",
        ),
        (
            "(host_name())",
            "text",
            "impossible: the function host_name with 0 arguments has no PostgreSQL form that is known here",
        ),
        (
            "('soon')",
            "date",
            "impossible: 'soon' is not a date or time that reads the same in every language setting",
        ),
    ] {
        assert_eq!(default(native, target), expected, "{native} for {target}");
    }
}

#[test]
fn sequences_are_relations_of_the_template() {
    let usage = Usage::Default { target: PgType::Int4 };
    let Translation::Done { template, .. } =
        translate("NEXT VALUE FOR a.b", &usage, &table(), &scope()).translation
    else {
        panic!("it translates");
    };
    assert_eq!(
        template.relations().collect::<Vec<_>>(),
        [&ObjectName::new("a", "b")]
    );
}

#[test]
fn columns_are_pieces_with_the_catalogs_spelling() {
    let expr = translate("[INT] > dbo.t.[Small]", &Usage::Check, &table(), &scope());
    let Translation::Done { template, .. } = expr.translation else {
        panic!("it translates")
    };
    assert_eq!(
        template.columns().collect::<Vec<_>>(),
        [(&table(), "int"), (&table(), "small")]
    );
    let mut strict = Scope::new(true);
    strict.add_relation(scope().relation("dbo", "T").unwrap().clone());
    assert_eq!(
        shown(&translate("[INT] > 1", &Usage::Check, &table(), &strict)),
        "impossible: there is no column `INT`"
    );
}

#[test]
fn conditions_are_rewritten() {
    all_equal(
        &[
            ("[bit]=(1)", r#""bit""#),
            ("[bit]=(0)", r#"not "bit""#),
            ("(0)<>[flag]", r#""flag""#),
            ("[bit]=[flag]", r#""bit" = "flag""#),
            ("[bit]>(0)", r#""bit"::integer > 0"#),
            ("[bit] in (0,1)", r#""bit" in (false, true)"#),
            ("isnull([bit],(0))=(0)", r#"not coalesce("bit", false)"#),
            (
                "case when [bit]=1 then 1 else 0 end=1",
                r#"case when "bit" then 1 else 0 end = 1"#,
            ),
            ("[int]=[bit]", r#""int" = "bit"::integer"#),
            ("[int] & 4 = 4", r#""int" & 4 = 4"#),
            ("[real]=0.1", r#""real" = 0.1::real"#),
            ("[int]=N'5'", r#""int" = 5"#),
            ("[vc]=5", r#""vc"::integer = 5"#),
            ("[ch]='x'", r#""ch" = 'x'"#),
            (
                "[dec]=[money] AND [float]=[dec]",
                r#""dec" = "money" and "float" = "dec""#,
            ),
            ("[dt]>'20200101'", r#""dt" > timestamp '2020-01-01'"#),
            (
                "[dto]>'2020-01-01'",
                r#""dto" > timestamptz '2020-01-01 00:00:00+00:00'"#,
            ),
            ("[time]>='10:00'", r#""time" >= time '10:00:00'"#),
            ("[dt]<=getdate()", r#""dt" <= localtimestamp(3) [stable]"#),
            ("[date]>=[dt]", r#""date"::timestamp >= "dt""#),
            (
                "[date] between '1/1/2020' and [dt]",
                r#"("date" >= date '2020-01-01' and "date"::timestamp <= "dt")"#,
            ),
            ("[int] between (1) and (2)", r#""int" between 1 and 2"#),
            ("[int] not in (1,2)", r#""int" not in (1, 2)"#),
            ("not [int]=1", r#"not "int" = 1"#),
            ("not ([int]=1 or [int]=2)", r#"not ("int" = 1 or "int" = 2)"#),
            (
                "[int]=1 or [int]=2 and [vc] is null",
                r#""int" = 1 or ("int" = 2 and "vc" is null)"#,
            ),
            (
                "([int]=1 or [int]=2) and [vc] is not null",
                r#"("int" = 1 or "int" = 2) and "vc" is not null"#,
            ),
            (
                "[int] !< 3 and [int] !> 5 and [int] != 4",
                r#""int" >= 3 and "int" <= 5 and "int" <> 4"#,
            ),
            (
                "len(ltrim(rtrim([vc])))>(0)",
                r#"char_length(rtrim(ltrim(rtrim("vc")))) > 0"#,
            ),
            ("[vc] like '%@%.%'", r#""vc" like '%@%.%'"#),
            ("[vc] like 'a\\b[_]%'", r#""vc" like 'a\\b\_%'"#),
            ("[vc] like '5!%' escape '!'", r#"rtrim("vc") like '5\%'"#),
            ("[vc] like 'a.[0-9]_%'", r#""vc" ~ '^a\.[0-9]..*$'"#),
            ("([vc] ~~* 'a.[0-9]_%')", r#""vc" ~ '^a\.[0-9]..*$'"#),
            ("[vc] !~~* '%@%'", r#""vc" not like '%@%'"#),
            ("[vc] not like '%[^a-z0-9]%'", r#""vc" !~ '^.*[^a-z0-9].*$'"#),
            ("[ci] like '[A-Z][A-Z]'", r#""ci" ~* '^[A-Z][A-Z]$'"#),
            ("[ci] not like 'x%'", r#""ci" not ilike 'x%'"#),
            ("[vc] like 'a'", r#"rtrim("vc") like 'a'"#),
            ("[vc] like N'a'", r#""vc" like 'a'"#),
            ("[ch] like 'a%'", r#""ch" like 'a%'"#),
            ("[ch] like 'a'", r#"rtrim("ch") like 'a'"#),
            ("[ch] like N'a'", r#""ch" like 'a'"#),
            ("[ch]+'' like 'a%'", r#"(rpad("ch", 5) || '') like 'a%'"#),
            ("[nch] like 'a'", r#"rpad("nch", 5) like 'a'"#),
            ("[vc] like 'a '", r#""vc" ~ '^a  *$'"#),
            ("[vc] not like 'a_'", r#""vc" !~ '^a. *$'"#),
            ("[vc] like '[ab]c'", r#"rtrim("vc") ~ '^[ab]c$'"#),
            ("[vc] like 'a[bc]'", r#""vc" ~ '^a[bc] *$'"#),
            ("[vc] like [vc]", r#"rtrim("vc") like "vc" escape ''"#),
            ("[nvc] like [vc]+'%'", r#""nvc" like "vc" || '%' escape ''"#),
            ("[xml] is not null", r#""xml" is not null"#),
            (
                "[id]>[id]",
                "impossible: uniqueidentifier is ordered by its last bytes first, PostgreSQL's uuid by its first",
            ),
            ("[xml]=[xml]", "impossible: xml is compared"),
            ("[int]", "impossible: `[int]` is int and not a condition"),
            (
                "patindex('%x%',[vc])=0",
                "impossible: the function patindex with 2 arguments has no PostgreSQL form that is known here",
            ),
            (
                "isjson([vc])=1",
                "impossible: isjson() tests text in a way that PostgreSQL has no function for",
            ),
            (
                "year([dto])=2020",
                "impossible: the local time of a datetimeoffset is gone, because PostgreSQL keeps no offset",
            ),
        ],
        check,
    );
}

#[test]
fn differences_are_noted() {
    let of = |native: &str| notes(&translate(native, &Usage::Check, &table(), &scope()));
    assert_eq!(of("[int]=1"), [] as [&str; 0]);
    assert_eq!(
        of("[vc]='a' or [vc]='b'"),
        ["it compares text; SQL Server ignores trailing spaces, PostgreSQL does not"]
    );
    assert_eq!(
        of("[ci]='a'"),
        [
            "it compares text under a case-insensitive collation; PostgreSQL tells upper from lower case, and trailing spaces count"
        ]
    );
    assert_eq!(
        of("[ci] like 'a%'"),
        ["LIKE under a case-insensitive collation becomes ILIKE or ~*, which may treat accents differently"]
    );
    assert_eq!(
        of("[dt]>'2020-02-03'"),
        ["'2020-02-03' is read as month before day, as SQL Server does under its default language"]
    );
    assert_eq!(
        of("upper([vc]) is null and lower('Abc'+cast([int] as varchar(9))) is null and upper('A') is null"),
        [
            "upper() follows the locale of the destination database",
            "lower() follows the locale of the destination database"
        ]
    );
    assert_eq!(
        of("lower([id]) is null and reverse([nvc]) is null"),
        [] as [&str; 0]
    );
    assert_eq!(
        of("[vc] like [vc]"),
        [
            "a `[` in the pattern starts a set of characters in SQL Server and is itself in PostgreSQL",
            "LIKE leaves blanks at the end of the text out of account, so a pattern that asks for them there finds none"
        ]
    );
    assert_eq!(
        of("len([nvc])>3"),
        ["characters beyond U+FFFF count as one in PostgreSQL and as two in SQL Server"]
    );
}

#[test]
fn long_and_deep_expressions_do_not_overflow_the_stack() {
    let long = (0..5000)
        .map(|i| format!("[int]=({i})"))
        .collect::<Vec<_>>()
        .join(" OR ");
    assert!(check(&long).ends_with(r#"or "int" = 4999"#));
    let deep = format!("{}[int]{}=1", "(".repeat(60), ")".repeat(60));
    assert_eq!(check(&deep), r#""int" = 1"#);
    let deeper = format!("{}[int]{}=1", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(
        check(&deeper),
        "impossible: the T-SQL could not be parsed: recursion limit exceeded"
    );
    let nested = format!("{}[int]{}=1", "isnull(".repeat(150), ",0)".repeat(150));
    assert_eq!(
        check(&nested),
        "impossible: it is nested more than 120 levels deep"
    );
}
