//! Expressions that nobody thought of.

use super::oracle::{Question, ask, sql_of};
use super::*;

/// A small generator of pseudo-random numbers, so that every run asks the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const NUMBERS: &[&str] = &[
    "[bit]",
    "[tiny]",
    "[small]",
    "[int]",
    "[int2]",
    "[big]",
    "[dec]",
    "[wide]",
    "[money]",
    "[real]",
    "[float]",
    "[Qty!]",
    "1",
    "0",
    "-7",
    "2.50",
    "3000000000",
    "1e2",
    "$3.5",
    "'12'",
    "null",
];
const TEXTS: &[&str] = &[
    "[vc]", "[nvc]", "[ch]", "[max]", "[ci]", "[Name!]", "'abc'", "N'x''y'", "''", "'100%'", "null",
];
const DATES: &[&str] = &[
    "[date]",
    "[dt]",
    "[sdt]",
    "[dt2]",
    "'20240229'",
    "'2024-01-15T10:20:30'",
    "getdate()",
    "0",
];
const PARTS: &[&str] = &[
    "year", "quarter", "month", "day", "week", "hour", "minute", "second", "dw",
];

fn number(dice: &mut Dice, depth: u32) -> String {
    if depth == 0 {
        return dice.pick(NUMBERS).to_owned();
    }
    let d = depth - 1;
    match dice.roll(16) {
        0..=4 => {
            let op = dice.pick(&["+", "-", "*", "/", "%", "&", "|", "^"]);
            format!("{}{op}{}", number(dice, d), number(dice, d))
        }
        5 => format!("({})", number(dice, d)),
        6 => format!("isnull({},{})", number(dice, d), number(dice, d)),
        7 => format!("coalesce({},{})", number(dice, d), number(dice, d)),
        8 => {
            let ty = dice.pick(&[
                "int",
                "bigint",
                "tinyint",
                "decimal(12,3)",
                "money",
                "float",
                "real",
                "bit",
            ]);
            format!("cast({} as {ty})", number(dice, d))
        }
        9 => {
            let f = dice.pick(&["abs", "floor", "ceiling", "sign", "sqrt", "-", "~"]);
            format!("{f}({})", number(dice, d))
        }
        10 => format!(
            "round({},{})",
            number(dice, d),
            dice.pick(&["0", "2", "-1", "[int]"])
        ),
        11 => format!(
            "case when {} then {} else {} end",
            test(dice, d),
            number(dice, d),
            number(dice, d)
        ),
        12 => format!(
            "{}({})",
            dice.pick(&["len", "datalength", "ascii"]),
            text(dice, d)
        ),
        13 => format!("datepart({},{})", dice.pick(PARTS), date(dice, d)),
        14 => format!(
            "datediff({},{},{})",
            dice.pick(PARTS),
            date(dice, d),
            date(dice, d)
        ),
        _ => format!("nullif({},{})", number(dice, d), number(dice, d)),
    }
}

fn text(dice: &mut Dice, depth: u32) -> String {
    if depth == 0 {
        return dice.pick(TEXTS).to_owned();
    }
    let d = depth - 1;
    match dice.roll(12) {
        0..=2 => format!("{}+{}", text(dice, d), text(dice, d)),
        3 => format!(
            "{}({})",
            dice.pick(&["upper", "lower", "ltrim", "rtrim", "trim", "reverse"]),
            text(dice, d)
        ),
        4 => format!(
            "substring({},{},{})",
            text(dice, d),
            number(dice, 0),
            dice.pick(&["1", "3", "[int]"])
        ),
        5 => format!("isnull({},{})", text(dice, d), text(dice, d)),
        6 => format!(
            "cast({} as {})",
            text(dice, d),
            dice.pick(&["varchar(3)", "nvarchar(max)", "char(4)"])
        ),
        7 => format!("convert(varchar(20),{})", number(dice, d)),
        8 => format!("concat({},{},{})", text(dice, d), number(dice, d), text(dice, d)),
        9 => format!(
            "case {} when {} then {} end",
            number(dice, d),
            number(dice, d),
            text(dice, d)
        ),
        10 => format!("replace({},'a',{})", text(dice, d), text(dice, d)),
        _ => format!("iif({},{},{})", test(dice, d), text(dice, d), text(dice, d)),
    }
}

fn date(dice: &mut Dice, depth: u32) -> String {
    if depth == 0 {
        return dice.pick(DATES).to_owned();
    }
    let d = depth - 1;
    match dice.roll(5) {
        0 => format!(
            "dateadd({},{},{})",
            dice.pick(PARTS),
            number(dice, d),
            date(dice, d)
        ),
        1 => format!(
            "cast({} as {})",
            date(dice, d),
            dice.pick(&["date", "datetime", "datetime2(3)", "smalldatetime"])
        ),
        2 => format!("isnull({},{})", date(dice, d), date(dice, d)),
        3 => format!("eomonth({})", date(dice, d)),
        _ => format!("iif({},{},{})", test(dice, d), date(dice, d), date(dice, d)),
    }
}

fn test(dice: &mut Dice, depth: u32) -> String {
    let d = depth.saturating_sub(1);
    let op = dice.pick(&["=", "<>", "<", ">=", "!>"]);
    match dice.roll(if depth == 0 { 4 } else { 9 }) {
        0 => format!("{}{op}{}", number(dice, d), number(dice, d)),
        1 => format!("{}{op}{}", text(dice, d), text(dice, d)),
        2 => format!("{}{op}{}", date(dice, d), date(dice, d)),
        3 => format!("{} is not null", number(dice, d)),
        4 => format!("({}) and {}", test(dice, d), test(dice, d)),
        5 => format!("not ({} or {})", test(dice, d), test(dice, d)),
        6 => format!("{} in ({},{})", number(dice, d), number(dice, 0), number(dice, 0)),
        7 => format!(
            "{} between {} and {}",
            number(dice, d),
            number(dice, d),
            number(dice, d)
        ),
        _ => format!(
            "{} like {}",
            text(dice, d),
            dice.pick(&["'a%'", "'[0-9]_'", "'%!%' escape '!'", "[vc]"])
        ),
    }
}

/// Whatever is translated, PostgreSQL has to understand; it is not computed, because much of it divides by zero.
#[test]
fn postgresql_understands_every_translation() {
    let mut dice = Dice(0x5eed_0001_2345_6789);
    let mut questions = Vec::new();
    let (mut done, mut refused) = (0, 0);
    for i in 0..2000 {
        let depth = 1 + i % 3;
        let native = match dice.roll(4) {
            0 => number(&mut dice, depth),
            1 => text(&mut dice, depth),
            2 => date(&mut dice, depth),
            _ => format!("case when {} then 1 else 0 end", test(&mut dice, depth)),
        };
        let (expr, ty) = translate_computed(&native, &table(), &scope());
        let Ok((sql, immutable)) = sql_of(&expr) else {
            refused += 1;
            continue;
        };
        done += 1;
        // A generated column shows whether it is immutable, too. Constants are computed on the way, with other errors.
        if i % 5 == 0
            && immutable
            && let Some(ty) = &ty
        {
            questions.push(Question {
                about: format!("whether it is immutable: {native}"),
                sql: format!(
                    "do $do$ begin create table g{i} (like dbo.\"T\", x {} generated always as ({sql}) stored); \
                     exception when invalid_object_definition then raise; when others then null; end $do$",
                    ty.pg
                ),
                expected: "NULL".to_owned(),
            });
        }
        questions.push(Question {
            about: native.clone(),
            sql: format!("create view r{i} as select {sql} as x from dbo.\"T\""),
            expected: "NULL".to_owned(),
        });
        // The type has to be the one that was inferred, up to length and precision.
        if let Some(ty) = ty {
            let pg = ty.pg.to_string();
            let pg = pg.split('(').next().unwrap();
            let wanted = match pg {
                "varchar" | "char" => "text",
                "timestamp" => "timestamp without time zone",
                "timestamptz" => "timestamp with time zone",
                other => other,
            };
            questions.push(Question {
                about: format!("the type of {native}"),
                // Constants beside a smallint make it an integer.
                sql: format!(
                    "select case when data_type in ('character varying', 'character', 'text') then 'text' \
                     when data_type = 'integer' and '{wanted}' = 'smallint' then 'smallint' else data_type end \
                     from information_schema.columns where table_name = 'r{i}'"
                ),
                expected: wanted.to_owned(),
            });
        }
    }
    assert!(
        done > 700 && refused > 100,
        "{done} translated, {refused} refused"
    );
    ask(&questions);
}

/// Nothing that can be typed makes the translator panic.
#[test]
fn nonsense_is_refused_and_not_feared() {
    const WORDS: &[&str] = &[
        "select",
        "from",
        "where",
        "[int]",
        "[vc]",
        "dbo",
        ".",
        "T",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "%",
        "=",
        "<>",
        "like",
        "'a[%'",
        "N'",
        "'",
        "0x",
        "0xF",
        "1e",
        "1.",
        "$",
        "case",
        "when",
        "then",
        "end",
        "cast",
        "as",
        "int",
        "convert",
        "null",
        "in",
        "between",
        "and",
        "not",
        "exists",
        "union",
        "with",
        "x",
        "order",
        "by",
        "top",
        "5",
        "over",
        "next",
        "value",
        "for",
        "collate",
        "~",
        "@@x",
        "#t",
        "[",
        "]",
        "\"",
        "--",
        "/*",
        "*/",
        "\u{0}",
        "\u{1F600}",
        "99999999999999999999999999999999999999999",
        "dateadd",
        "day",
        "datediff",
        "substring",
        "isnull",
        "sum",
        "count(*)",
        "group",
        "having",
        "values",
        "::",
        "{fn",
        "}",
    ];
    let mut dice = Dice(0xfeed_0001_2345_6789);
    let scope = scope();
    for _ in 0..20_000 {
        let words: Vec<&str> = (0..=dice.roll(14)).map(|_| dice.pick(WORDS)).collect();
        let text = words.join(if dice.roll(4) == 0 { "" } else { " " });
        let _ = translate(&text, &Usage::Check, &table(), &scope);
        let _ = translate(
            &text,
            &Usage::Default {
                target: PgType::Timestamp(3),
            },
            &table(),
            &scope,
        );
        let _ = translate_computed(&text, &table(), &scope);
        let _ = translate_view_typed(&text, &[], &scope);
        let _ = view_dependencies(&text, &scope);
    }
}
