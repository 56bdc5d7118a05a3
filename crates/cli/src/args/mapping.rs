//! What a person decides, as far as flags say it.

use clap::{Args, ValueEnum};
use migrate_core::mapping::{
    AliasTypes, CaseInsensitive, Grants, Keys, Legacy, Mapping, Offsets, Owners, XmlType,
};
use migrate_core::naming::Naming;
use migrate_core::policy::TextPolicy;
use migrate_core::staging::Exists;
use migrate_core::{Error, ErrorKind, Result};

use super::supabase::SupabaseArgs;

/// Decisions about the whole database. They win over the plan file's; `--include`, `--exclude` and `--schema` add to
/// its lists.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Mapping (wins over the plan file)")]
pub(crate) struct MappingArgs {
    /// How names are changed [default: preserve]
    #[arg(long, value_enum, value_name = "POLICY")]
    naming: Option<NamingArg>,
    /// What happens to characters that PostgreSQL cannot store: U+0000, unpaired surrogates [default: reject]
    #[arg(long, value_enum, value_name = "POLICY")]
    nul: Option<NulArg>,
    /// What becomes of unique keys that the source compares without regard to case [default: leave]
    #[arg(long, value_enum, value_name = "CHOICE")]
    case_insensitive: Option<CaseArg>,
    /// What xml columns become [default: xml]
    #[arg(long, value_enum, value_name = "TYPE")]
    xml: Option<XmlArg>,
    /// What alias types become [default: domain]
    #[arg(long, value_enum, value_name = "CHOICE")]
    alias_types: Option<AliasArg>,
    /// What becomes of the offsets from UTC of datetimeoffset values [default: drop]
    #[arg(long, value_enum, value_name = "CHOICE")]
    offsets: Option<OffsetsArg>,
    /// What becomes of tables that exist under the names that the plan gives: refuse, or replace them in one transaction
    /// once all rows are copied and proven [default: refuse]
    #[arg(long, value_enum, value_name = "CHOICE")]
    exists: Option<ExistsArg>,
    /// Whether roles that the destination has may do there what they may in a PostgreSQL source [default: keep]
    #[arg(long, value_enum, value_name = "CHOICE")]
    grants: Option<GrantsArg>,
    /// Whether roles that the destination has own there what they own in a PostgreSQL source; who connects has to be a
    /// member of them [default: drop]
    #[arg(long, value_enum, value_name = "CHOICE")]
    owners: Option<OwnersArg>,
    /// Call a role of a PostgreSQL source as the destination does, such as shop_app=app
    #[arg(long, value_name = "OLD=NEW", value_parser = role_pair)]
    role: Vec<(String, String)>,
    /// What becomes of primary keys that are numbers, and of all that refers to them: keep, uuid, or
    /// mapping=SCHEMA.TABLE, a table of the destination that lists them [default: keep]
    #[arg(long, value_name = "CHOICE", value_parser = keys)]
    keys: Option<Keys>,
    /// Which old keys are kept in columns named legacy_COLUMN where keys are rewritten [default: keys]
    #[arg(long, value_enum, value_name = "CHOICE")]
    legacy: Option<LegacyArg>,
    /// Set an option of the source's own, such as sample=10000; the value is TOML, or else text
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option_pair)]
    options: Vec<(String, serde_json::Value)>,
    /// Take only tables that fit, such as 'sales.*'
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Leave out tables that fit; wins over --include
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Rename a schema, such as dbo=public
    #[arg(long, value_name = "OLD=NEW", value_parser = schema_pair)]
    schema: Vec<(String, String)>,
    #[command(flatten)]
    supabase: SupabaseArgs,
}

/// As in the source, `SalesOrderID` to `sales_order_id`, or `SalesOrderID` to `salesorderid`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum NamingArg {
    /// As in the source
    Preserve,
    /// SalesOrderID becomes sales_order_id
    Snake,
    /// SalesOrderID becomes salesorderid
    Lower,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NulArg {
    /// The row goes to quarantine
    Reject,
    /// The character is left out, and counted
    Strip,
    /// The character becomes U+FFFD, and is counted
    Replace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CaseArg {
    /// They compare exactly
    Leave,
    /// Key columns become citext
    Citext,
    /// Key columns get a nondeterministic ICU collation
    Collation,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum XmlArg {
    Xml,
    Text,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AliasArg {
    /// Domains
    Domain,
    /// Their base types
    Base,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OffsetsArg {
    /// They are lost; the moment is kept
    Drop,
    /// A smallint column behind each one keeps the minutes
    Keep,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExistsArg {
    /// The run is refused, and all of them are named
    Refuse,
    /// They serve until the end, are replaced in one transaction, and kept until `migrate clean`
    Replace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum GrantsArg {
    /// Roles that the destination has may do the same there
    Keep,
    /// Nobody is granted anything
    Drop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OwnersArg {
    /// Whoever connects owns everything
    Drop,
    /// Roles that the destination has own what they own in the source
    Keep,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LegacyArg {
    /// Those of the rows themselves
    Keys,
    /// Those in references too
    All,
}

fn keys(text: &str) -> std::result::Result<Keys, String> {
    match text.split_once('=') {
        None if text == "keep" => Ok(Keys::Keep),
        None if text == "uuid" => Ok(Keys::Uuid),
        Some(("mapping", table)) if table.contains('.') => Ok(Keys::Mapping(table.to_owned())),
        _ => Err("write keep, uuid, or mapping=SCHEMA.TABLE".to_owned()),
    }
}

fn schema_pair(text: &str) -> std::result::Result<(String, String), String> {
    pair(text).ok_or_else(|| "write OLD=NEW, such as dbo=public".to_owned())
}

fn role_pair(text: &str) -> std::result::Result<(String, String), String> {
    pair(text).ok_or_else(|| "write OLD=NEW, such as shop_app=app".to_owned())
}

fn pair(text: &str) -> Option<(String, String)> {
    let (old, new) = text.split_once('=')?;
    (!old.is_empty() && !new.is_empty()).then(|| (old.to_owned(), new.to_owned()))
}

fn option_pair(text: &str) -> std::result::Result<(String, serde_json::Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write NAME=VALUE, such as sample=10000")?;
    let parsed = toml::from_str::<serde_json::Map<String, serde_json::Value>>(&format!("value = {value}"));
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    let value = value.unwrap_or_else(|| text[name.len() + 1..].into());
    Ok((name.to_owned(), value))
}

impl MappingArgs {
    /// Lays the flags over a mapping.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) for a schema that is renamed twice.
    pub(crate) fn apply(&self, mapping: &mut Mapping) -> Result<()> {
        if let Some(choice) = self.naming {
            mapping.naming = match choice {
                NamingArg::Preserve => Naming::Preserve,
                NamingArg::Snake => Naming::Snake,
                NamingArg::Lower => Naming::Lower,
            };
        }
        if let Some(choice) = self.nul {
            mapping.nul = match choice {
                NulArg::Reject => TextPolicy::Reject,
                NulArg::Strip => TextPolicy::Strip,
                NulArg::Replace => TextPolicy::Replace,
            };
        }
        if let Some(choice) = self.case_insensitive {
            mapping.case_insensitive = match choice {
                CaseArg::Leave => CaseInsensitive::Leave,
                CaseArg::Citext => CaseInsensitive::Citext,
                CaseArg::Collation => CaseInsensitive::Collation,
            };
        }
        if let Some(choice) = &self.keys {
            mapping.keys = choice.clone();
        }
        if let Some(choice) = self.legacy {
            mapping.legacy = match choice {
                LegacyArg::Keys => Legacy::Keys,
                LegacyArg::All => Legacy::All,
            };
        }
        for (name, value) in &self.options {
            mapping.options.insert(name.clone(), value.clone());
        }
        if let Some(choice) = self.offsets {
            mapping.offsets = match choice {
                OffsetsArg::Drop => Offsets::Drop,
                OffsetsArg::Keep => Offsets::Keep,
            };
        }
        if let Some(choice) = self.exists {
            mapping.exists = match choice {
                ExistsArg::Refuse => Exists::Refuse,
                ExistsArg::Replace => Exists::Replace,
            };
        }
        if let Some(choice) = self.grants {
            mapping.grants = match choice {
                GrantsArg::Keep => Grants::Keep,
                GrantsArg::Drop => Grants::Drop,
            };
        }
        if let Some(choice) = self.owners {
            mapping.owners = match choice {
                OwnersArg::Drop => Owners::Drop,
                OwnersArg::Keep => Owners::Keep,
            };
        }
        mapping.roles.extend(self.role.iter().cloned());
        if let Some(choice) = self.xml {
            mapping.xml = match choice {
                XmlArg::Xml => XmlType::Xml,
                XmlArg::Text => XmlType::Text,
            };
        }
        if let Some(choice) = self.alias_types {
            mapping.alias_types = match choice {
                AliasArg::Domain => AliasTypes::Domain,
                AliasArg::Base => AliasTypes::Base,
            };
        }
        self.supabase.apply(mapping);
        mapping.include.extend(self.include.iter().cloned());
        mapping.exclude.extend(self.exclude.iter().cloned());
        let mut named: Vec<&str> = Vec::new();
        for (old, new) in &self.schema {
            if named.contains(&old.as_str()) {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("--schema renames `{old}` twice"),
                ));
            }
            named.push(old);
            mapping.schemas.insert(old.clone(), new.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        mapping: MappingArgs,
    }

    fn apply(flags: &[&str], mapping: &mut Mapping) -> Result<()> {
        Only::try_parse_from(std::iter::once(&"x").chain(flags))
            .unwrap()
            .mapping
            .apply(mapping)
    }

    #[test]
    fn flags_win_over_the_file_and_lists_grow() {
        let mut mapping = Mapping {
            naming: Naming::Lower,
            nul: TextPolicy::Strip,
            exclude: vec!["a.*".to_owned()],
            ..Mapping::default()
        };
        let flags = [
            "--naming=snake",
            "--case-insensitive=collation",
            "--xml=text",
            "--offsets=keep",
            "--exists=replace",
            "--keys=mapping=migrate.mapping",
            "--legacy=all",
            "--option=sample=1000",
            "--option=objectid=text",
            "--option=database=\"a b\"",
            "--alias-types=base",
            "--include=b.*",
            "--exclude=c.*",
            "--schema=dbo=public",
            "--grants=drop",
            "--owners=keep",
            "--role=shop_app=app",
        ];
        apply(&flags, &mut mapping).unwrap();
        assert_eq!(mapping.naming, Naming::Snake);
        assert_eq!(mapping.nul, TextPolicy::Strip);
        assert_eq!(mapping.case_insensitive, CaseInsensitive::Collation);
        assert_eq!(mapping.xml, XmlType::Text);
        assert_eq!(mapping.offsets, Offsets::Keep);
        assert_eq!(mapping.exists, Exists::Replace);
        assert_eq!(mapping.keys, Keys::Mapping("migrate.mapping".to_owned()));
        assert_eq!(mapping.legacy, Legacy::All);
        assert_eq!((mapping.grants, mapping.owners), (Grants::Drop, Owners::Keep));
        assert_eq!(mapping.roles, [("shop_app".to_owned(), "app".to_owned())].into());
        assert!(Only::try_parse_from(["x", "--role=shop_app"]).is_err());
        assert!(Only::try_parse_from(["x", "--keys=mapping"]).is_err());
        assert_eq!(
            serde_json::to_value(&mapping.options).unwrap(),
            serde_json::json!({ "sample": 1000, "objectid": "text", "database": "a b" })
        );
        assert_eq!(mapping.alias_types, AliasTypes::Base);
        assert_eq!(mapping.include, ["b.*"]);
        assert_eq!(mapping.exclude, ["a.*", "c.*"]);
        assert_eq!(mapping.schemas.get("dbo").map(String::as_str), Some("public"));
    }

    #[test]
    fn no_flags_change_nothing() {
        let mut mapping = Mapping {
            naming: Naming::Lower,
            ..Mapping::default()
        };
        let before = mapping.clone();
        apply(&[], &mut mapping).unwrap();
        assert_eq!(mapping, before);
    }

    #[test]
    fn a_schema_is_renamed_once() {
        let e = apply(&["--schema=a=b", "--schema=a=c"], &mut Mapping::default()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
        assert!(Only::try_parse_from(["x", "--schema=a"]).is_err());
    }
}
