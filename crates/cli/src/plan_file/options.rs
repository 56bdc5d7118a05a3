//! Decisions about the whole database, each with its alternatives.

use migrate_core::encode::DEFAULT_NAMESPACE;
use migrate_core::mapping::{
    AliasTypes, CaseInsensitive, Grants, Keys, Legacy, Mapping, Offsets, Owners, XmlType,
};
use migrate_core::naming::Naming;
use migrate_core::policy::TextPolicy;
use migrate_core::staging::Exists;

use super::comments::Writer;
use super::supabase;
use super::toml_text::{string, strings};

pub(super) fn naming(choice: Naming) -> &'static str {
    match choice {
        Naming::Preserve => "preserve",
        Naming::Snake => "snake",
        Naming::Lower => "lower",
    }
}

pub(super) fn nul(choice: TextPolicy) -> &'static str {
    match choice {
        TextPolicy::Reject => "reject",
        TextPolicy::Strip => "strip",
        TextPolicy::Replace => "replace",
    }
}

fn case_insensitive(choice: CaseInsensitive) -> &'static str {
    match choice {
        CaseInsensitive::Leave => "leave",
        CaseInsensitive::Citext => "citext",
        CaseInsensitive::Collation => "collation",
    }
}

fn xml(choice: XmlType) -> &'static str {
    match choice {
        XmlType::Xml => "xml",
        XmlType::Text => "text",
    }
}

fn alias_types(choice: AliasTypes) -> &'static str {
    match choice {
        AliasTypes::Domain => "domain",
        AliasTypes::Base => "base",
    }
}

fn offsets(choice: Offsets) -> &'static str {
    match choice {
        Offsets::Drop => "drop",
        Offsets::Keep => "keep",
    }
}

fn exists(choice: Exists) -> &'static str {
    match choice {
        Exists::Refuse => "refuse",
        Exists::Replace => "replace",
    }
}

fn grants(choice: Grants) -> &'static str {
    match choice {
        Grants::Keep => "keep",
        Grants::Drop => "drop",
    }
}

fn owners(choice: Owners) -> &'static str {
    match choice {
        Owners::Drop => "drop",
        Owners::Keep => "keep",
    }
}

/// The choice as TOML.
pub(super) fn keys(choice: &Keys) -> String {
    match choice {
        Keys::Keep => "\"keep\"".to_owned(),
        Keys::Uuid => "\"uuid\"".to_owned(),
        Keys::Mapping(table) => format!("{{ mapping = {} }}", string(table)),
    }
}

fn new_keys(out: &mut Writer, mapping: &Mapping) {
    out.comment("What becomes of primary keys that are numbers, and of everything that refers to them (docs/keys.md).");
    out.comment("  keep       they stay");
    out.comment("  uuid       UUIDs of version 5, made of the table's name and the old key; that one is kept in legacy_COLUMN");
    out.comment(
        "  { mapping = \"schema.table\" }   those that a table of the destination lists, the others as above",
    );
    out.line(&format!("keys = {}", keys(&mapping.keys)));
    out.comment("Which old keys are kept where keys are rewritten: those of rows (keys), or those in references too (all).");
    let legacy = match mapping.legacy {
        Legacy::Keys => "keys",
        Legacy::All => "all",
    };
    out.line(&format!("legacy = \"{legacy}\""));
    out.comment("The namespace that new keys are made in; another one makes others.");
    match &mapping.key_namespace {
        Some(namespace) => out.line(&format!("key_namespace = \"{namespace}\"")),
        None => out.comment(&format!("key_namespace = \"{DEFAULT_NAMESPACE}\"")),
    }
    out.blank();
}

pub(super) fn write(out: &mut Writer, mapping: &Mapping) {
    let mut option = |name: &str, value: &str, about: &str, choices: &[(&str, &str)]| {
        out.comment(about);
        for (choice, meaning) in choices {
            out.comment(&format!("  {choice:<10} {meaning}"));
        }
        out.line(&format!("{name} = \"{value}\""));
        out.blank();
    };
    option(
        "naming",
        naming(mapping.naming),
        "How names are changed. Every name is quoted wherever it is used.",
        &[
            ("preserve", "as in the source"),
            ("snake", "SalesOrderID becomes sales_order_id"),
            ("lower", "SalesOrderID becomes salesorderid"),
        ],
    );
    option(
        "nul",
        nul(mapping.nul),
        "What happens to characters that PostgreSQL cannot store: U+0000, and unpaired surrogates.",
        &[
            ("reject", "the row goes to quarantine"),
            ("strip", "the character is left out, and counted"),
            ("replace", "the character becomes U+FFFD, and is counted"),
        ],
    );
    option(
        "case_insensitive",
        case_insensitive(mapping.case_insensitive),
        "What becomes of unique keys that the source compares without regard to case.",
        &[
            ("leave", "they compare exactly: 'a' and 'A' are two values"),
            (
                "citext",
                "their columns, and the foreign keys to them, become citext",
            ),
            (
                "collation",
                "their columns, and the foreign keys to them, get a nondeterministic ICU collation",
            ),
        ],
    );
    option(
        "offsets",
        offsets(mapping.offsets),
        "What becomes of the offsets from UTC that datetimeoffset values were written with.",
        &[
            ("drop", "they are lost; the moment is kept"),
            (
                "keep",
                "a smallint column COLUMN_offset behind each one keeps the minutes",
            ),
        ],
    );
    option(
        "xml",
        xml(mapping.xml),
        "What xml columns become.",
        &[
            ("xml", "xml, if the destination has it, else text"),
            ("text", "text, character by character"),
        ],
    );
    option(
        "alias_types",
        alias_types(mapping.alias_types),
        "What alias types (user-defined names for built-in types) become.",
        &[("domain", "domains"), ("base", "their base types")],
    );
    option(
        "exists",
        exists(mapping.exists),
        "What becomes of tables that exist under the names that this plan gives.",
        &[
            ("refuse", "the run is refused, and all of them are named"),
            (
                "replace",
                "they serve until everything is copied and proven, and are replaced in one transaction",
            ),
        ],
    );
    option(
        "grants",
        grants(mapping.grants),
        "What becomes of what roles may do in a PostgreSQL source.",
        &[
            ("keep", "roles that the destination has may do the same there"),
            ("drop", "nobody is granted anything"),
        ],
    );
    option(
        "owners",
        owners(mapping.owners),
        "What becomes of the owners of a PostgreSQL source's objects.",
        &[
            ("drop", "whoever carries this plan out owns what it creates"),
            (
                "keep",
                "roles that the destination has own what they own in the source",
            ),
        ],
    );
    option(
        "profile",
        supabase::profile(mapping.profile),
        "What kind of destination this is for.",
        &[
            ("auto", "Supabase, if the destination is"),
            ("plain", "PostgreSQL and nothing else"),
            ("supabase", "Supabase, whatever the destination says"),
        ],
    );
    new_keys(out, mapping);
    out.comment("Tables to take, and tables to leave out, as patterns over schema.table with * for any characters. An empty");
    out.comment("`include` takes all; `exclude` wins.");
    out.line(&format!("include = {}", strings(&mapping.include)));
    out.line(&format!("exclude = {}", strings(&mapping.exclude)));
    out.blank();
}
