//! A table with a column of every type that takes text, numbers or bytes, and how to change each of them a little.

use migrate_core::memory::Cell;
use migrate_core::pg_type::PgType;

use crate::random::Random;

pub(crate) struct Typed {
    pub(crate) name: &'static str,
    pub(crate) ty: PgType,
    /// The smallest change, as SQL over the column `c`.
    pub(crate) change: &'static str,
    /// A value, as SQL.
    pub(crate) some: &'static str,
}

/// The columns behind `id`.
pub(crate) fn columns() -> Vec<Typed> {
    let column = |name, ty, change, some| Typed {
        name,
        ty,
        change,
        some,
    };
    vec![
        column("flag", PgType::Bool, "not c", "true"),
        column("small", PgType::Int2, "c # 1::int2", "7"),
        column("plain", PgType::Int4, "c # 1", "7"),
        column("big", PgType::Int8, "c # 1", "7"),
        // One or two units in the last place.
        column(
            "narrow",
            PgType::Float4,
            "(case c when 0 then 1e-45 else c * (1 + 1.1920929e-7::float4) end)::float4",
            "0.5",
        ),
        column(
            "double",
            PgType::Float8,
            "case c when 0 then 5e-324 else c * (1 + 2.220446049250313e-16::float8) end",
            "0.5",
        ),
        column("amount", PgType::Numeric(Some((18, 4))), "c + 0.0001", "7.0001"),
        column("digits", PgType::Numeric(None), "c + 0.000000000000000001", "7"),
        column(
            "code",
            PgType::Char(8),
            "(case when c::text like 'X%' then 'Y' else 'X' end || substr(c::text, 2))::char(8)",
            "'Z'",
        ),
        // A space at the end.
        column("name", PgType::Varchar(Some(60)), "c || ' '", "''"),
        column("other", PgType::Varchar(Some(60)), "c || ' '", "''"),
        column("note", PgType::Text, "c || ' '", "''"),
        column(
            "raw",
            PgType::Bytea,
            "case when length(c) = 0 then '\\x00'::bytea else set_bit(c, 0, 1 - get_bit(c, 0)) end",
            "''",
        ),
        column(
            "guid",
            PgType::Uuid,
            "(left(c::text, 35) || translate(right(c::text, 1), '0123456789abcdef', '123456789abcdef0'))::uuid",
            "'00000000-0000-0000-0000-000000000000'",
        ),
        column("day", PgType::Date, "c + 1", "'2000-01-01'"),
        column(
            "clock",
            PgType::Time(6),
            "case when c < '12:00' then c + interval '1 microsecond' else c - interval '1 microsecond' end",
            "'00:00'",
        ),
        column(
            "stamp",
            PgType::Timestamp(6),
            "c + interval '1 microsecond'",
            "'2000-01-01'",
        ),
        column(
            "coarse",
            PgType::Timestamp(3),
            "c + interval '1 millisecond'",
            "'2000-01-01'",
        ),
        column(
            "moment",
            PgType::TimestampTz(6),
            "c + interval '1 microsecond'",
            "'2000-01-01Z'",
        ),
        column("doc", PgType::Json, "(c::text || ' ')::json", "'null'"),
        column("docb", PgType::Jsonb, "jsonb_build_array(c)", "'null'"),
        column("page", PgType::Xml, "(c::text || '<!-- -->')::xml", "'x'"),
    ]
}

const WORDS: [&str; 12] = [
    "",
    "a",
    "A",
    "Straße",
    "İstanbul",
    "naïve",
    "日本語",
    "🦀 crab",
    "it's \"q\"",
    "back\\slash",
    "tab\there",
    "two  spaces ",
];

/// A row. Neighbouring rows differ in most columns, and `name` always differs from `other`.
pub(crate) fn row(id: usize, random: &mut Random) -> Vec<Cell> {
    let word = |random: &mut Random| WORDS[random.below(WORDS.len())];
    let n = random.next();
    let mut cells = vec![Cell::Int(id as i64)];
    for column in columns() {
        if random.one_in(8) && column.name != "name" && column.name != "other" {
            cells.push(Cell::Null);
            continue;
        }
        let r = random.next();
        let time = format!(
            "{:02}:{:02}:{:02}.{:06}",
            r % 24,
            r / 24 % 60,
            r / 1440 % 60,
            r / 86_400 % 1_000_000
        );
        let date = format!(
            "{:04}-{:02}-{:02}",
            1900 + r / 7 % 200,
            1 + r / 11 % 12,
            1 + r / 13 % 28
        );
        cells.push(match column.name {
            "flag" => Cell::Bool(r.is_multiple_of(2)),
            "small" => Cell::Int((r % 60_000) as i64 - 30_000),
            "plain" => Cell::Int((r as u32 / 2) as i64),
            "big" => Cell::Int((r / 2) as i64),
            "narrow" => Cell::Float(f64::from(((r % 2_000_000) as f32 - 1_000_000.0) / 7.0)),
            "double" => Cell::Float(((r % 2_000_000) as f64 - 1_000_000.0) / 7.0),
            "amount" => Cell::Text(format!("{}.{:04}", (r % 1_000_000) as i64 - 500_000, r % 10_000)),
            "digits" => Cell::Text(format!("{n}{r}.{}", r % 1000)),
            "code" => Cell::Text(format!("{:.6}", word(random))),
            "name" => Cell::Text(format!("name {id} {}", word(random))),
            "other" => Cell::Text(format!("other {id} {}", word(random))),
            "note" => Cell::Text(word(random).repeat(1 + random.below(40))),
            "raw" => Cell::Bytes(n.to_be_bytes()[..random.below(9)].to_vec()),
            "guid" => Cell::Text(format!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                n as u32,
                r as u16,
                (r >> 16) as u16,
                (r >> 32) as u16,
                n >> 16
            )),
            "day" => Cell::Text(date),
            "clock" => Cell::Text(time),
            "coarse" => Cell::Text(format!("{date} {:.12}", time)),
            "stamp" => Cell::Text(format!("{date} {time}")),
            "moment" => Cell::Text(format!("{date} {time}+02:00")),
            "doc" => Cell::Text(format!("{{ \"b\": {r},  \"a\": [1.50, {:?}] }}", word(random))),
            "docb" => Cell::Text(format!(
                "{{ \"bb\": {r}, \"a\": [1.50, {:?}], \"a\": 2 }}",
                word(random)
            )),
            "page" => Cell::Text(format!("<a b=\"{id}\">{}</a>", r % 9)),
            other => unreachable!("{other}"),
        });
    }
    cells
}
