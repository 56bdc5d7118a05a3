use super::*;

#[test]
fn text_is_put_together_and_taken_apart() {
    all_equal(
        &[
            ("[vc]+[nvc]", r#""vc" || "nvc""#),
            ("[ch]+'x'", r#"rpad("ch", 5) || 'x'"#),
            ("[vc]+(N'it''s '+[nvc])", r#""vc" || ('it''s ' || "nvc")"#),
            (
                "concat([vc],[int],'x',null)",
                r#"coalesce("vc", '') || coalesce("int"::text, '') || 'x'"#,
            ),
            ("concat([Name!],' ',[Qty!])", r#""Name!" || ' ' || "Qty!"::text"#),
            (
                "concat_ws(',',[vc],[nvc])",
                r#"concat_ws(',', "vc", "nvc") [stable]"#,
            ),
            ("isnull([vc],'')", r#"coalesce("vc", '')"#),
            (
                "isnull([vc],'0123456789012345678901234')",
                r#"coalesce("vc", '0123456789012345678901234'::varchar(20))"#,
            ),
            ("cast([vc] as varchar(5))", r#""vc"::varchar(5)"#),
            ("cast([vc] as varchar(50))", r#""vc""#),
            ("cast([ch] as varchar(50))", r#"rpad("ch", 5)"#),
            ("cast('abc' as char(5))", "'abc'::char(5)"),
            ("len([vc])", r#"char_length(rtrim("vc"))"#),
            ("datalength([nvc])", r#"char_length("nvc") * 2"#),
            ("left([vc],3)", r#"left("vc", 3)"#),
            ("left([vc],[int])", r#"substr("vc", 1, "int")"#),
            ("left([vc],-1)", "impossible: left with a negative length"),
            (
                "right('000'+convert(varchar(11),[int]),3)",
                r#"right('000' || "int"::text, 3)"#,
            ),
            ("substring([vc],2,3)", r#"substr("vc", 2, 3)"#),
            ("charindex('a',[vc])", r#"strpos("vc", 'a')"#),
            (
                "charindex('a',[vc],3)",
                r#"case strpos(substr("vc", 3), 'a') when 0 then 0 else strpos(substr("vc", 3), 'a') + 3 - 1 end"#,
            ),
            ("upper([vc])", r#"upper("vc")"#),
            ("ltrim(rtrim([vc]))", r#"ltrim(rtrim("vc"))"#),
            ("trim([vc])", r#"btrim("vc")"#),
            ("trim('x' from [vc])", r#"btrim("vc", 'x')"#),
            ("replace([vc],'a','b')", r#"replace("vc", 'a', 'b')"#),
            (
                "stuff([vc],2,1,'x')",
                r#"case when char_length("vc") >= 2 then overlay("vc" placing 'x' from 2 for 1) end"#,
            ),
            ("replicate('0',3)", "repeat('0', 3)"),
            ("replicate('0',-1)", "null::text"),
            (
                "replicate('0',[int])",
                r#"case when "int" >= 0 then repeat('0', "int") end"#,
            ),
            ("space(3)", "repeat(' ', 3)"),
            ("space(-1)", "null::text"),
            (
                "space([int])",
                r#"case when "int" >= 0 then repeat(' ', "int") end"#,
            ),
            ("char(13)+char(10)", "chr(13) || chr(10)"),
            ("[Name!] collate Latin1_General_BIN", r#""Name!""#),
            ("CONVERT([nvarchar](23),[int])", r#""int"::text"#),
            (
                "cast([int] as varchar(3))",
                r#"(case when char_length("int"::text) > 3 then '*' else "int"::text end)"#,
            ),
            ("cast([dec] as varchar(20))", r#""dec"::text"#),
            (
                "cast([dec]*2 as varchar(20))",
                r#"("dec" * 2)::numeric(12,2)::text"#,
            ),
            ("cast([money] as varchar(20))", "round(\"money\", 2)::text"),
            ("cast([bit] as char(1))", r#""bit"::integer::text::char(1)"#),
            ("cast([id] as varchar(36))", r#"upper("id"::text)"#),
            ("convert(varchar(50),[bin],2)", r#"upper(encode("bin", 'hex'))"#),
            (
                "convert(varchar(50),[bin])",
                "impossible: varbinary(20) as text in style 0 has no exact form in PostgreSQL",
            ),
            (
                "format([dt],'yyyy')",
                "impossible: format() follows .NET's rules for languages",
            ),
            (
                "json_value([vc],'$.a')",
                "impossible: json_value() uses SQL Server's JSON paths",
            ),
        ],
        computed,
    );
}
