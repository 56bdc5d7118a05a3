//! Who may do what, and who owns what, as far as the destination has the roles.

use std::collections::{BTreeMap, BTreeSet};

use crate::declared::{Declared, DeclaredRight, Right, RightKind};
use crate::mapping::{Grants, Owners};
use crate::template::Template;

use super::{Planner, declared, supabase};

/// Why something that names a role is left for a person.
pub(super) fn no_role(role: &str) -> String {
    format!(
        "the destination has no role {role}: create it, or name another one under [roles] of the plan file"
    )
}

/// What is left for a person, by kind, role and reason.
type Left = BTreeMap<(RightKind, String, String), Vec<String>>;

impl Planner<'_> {
    /// What a role of the source is called in the destination.
    pub(super) fn role<'r>(&'r self, role: &'r str) -> &'r str {
        self.mapping.roles.get(role).map_or(role, String::as_str)
    }

    /// Whether the destination has the role, as far as anybody asked.
    pub(super) fn has_role(&self, role: &str) -> bool {
        let who = self.target.who.as_ref();
        who.is_none_or(|who| who.roles.contains_key(self.role(role)))
    }

    /// Whether whoever carries the plan out is a superuser, as far as anybody asked.
    pub(super) fn is_superuser(&self) -> bool {
        self.target.who.as_ref().is_none_or(|who| who.superuser)
    }

    fn may_act_as(&self, role: &str) -> bool {
        let who = self.target.who.as_ref();
        who.is_none_or(|who| who.roles.get(self.role(role)).copied().unwrap_or(false))
    }

    /// The template with schemas and roles as the destination calls them.
    pub(super) fn with_homes(&self, template: &Template) -> Template {
        template.with_homes(
            |schema| super::names::schema(self.mapping, schema),
            |role| self.role(role).to_owned(),
        )
    }

    /// The rights that are carried over; those of roles that are missing are left for a person, once for each role.
    pub(super) fn rights(&mut self, declared: &Declared, schemas: &[String]) -> Vec<DeclaredRight> {
        let catalog = self.catalog;
        let at_supabase = supabase::is_chosen(self.mapping, self.target);
        let made: BTreeSet<(&str, &str)> = declared
            .objects
            .iter()
            .map(|o| (o.kind.as_str(), o.name.as_str()))
            .collect();
        let mut taken: Vec<DeclaredRight> = Vec::new();
        let mut left = Left::new();
        for right in &catalog.declared.rights {
            let wanted = match right.kind {
                RightKind::Grant | RightKind::DefaultPrivilege => {
                    // There the profile says who may do what.
                    self.mapping.grants == Grants::Keep && !at_supabase
                }
                RightKind::Owner => self.mapping.owners == Owners::Keep,
            };
            let object_is_made = right
                .object
                .as_ref()
                .is_none_or(|(kind, name)| made.contains(&(kind.as_str(), name.as_str())));
            let schema_is_there = right
                .schema
                .as_ref()
                .is_none_or(|s| schemas.contains(&super::names::schema(self.mapping, s)));
            if !wanted || !object_is_made || !schema_is_there || right.since > self.target.version {
                continue;
            }
            self.right(right, &mut taken, &mut left);
        }
        if self.mapping.owners == Owners::Drop {
            self.note_owners();
        }
        for ((kind, role, reason), statements) in left {
            let kind = match kind {
                RightKind::Grant => "grants",
                RightKind::DefaultPrivilege => "default privileges",
                RightKind::Owner => "owner",
            };
            self.by_hand(kind, format!("role {role}"), &statements.join(";\n"), reason);
        }
        taken
    }

    /// Owners need no grants in the source, so that they would have nothing in the destination.
    fn note_owners(&mut self) {
        let rights = self.catalog.declared.rights.iter();
        let owners: Vec<&str> = rights
            .filter(|r| r.kind == RightKind::Owner)
            .filter(|r| {
                r.relation
                    .as_ref()
                    .is_none_or(|n| self.names.relation(n).is_some())
            })
            .filter_map(|r| r.acts_as.as_deref())
            .filter(|owner| {
                let who = self.target.who.as_ref();
                who.is_none_or(|who| who.user != self.role(owner))
            })
            .collect();
        let roles: BTreeSet<&str> = owners.iter().map(|owner| self.role(owner)).collect();
        let roles: Vec<&str> = roles.into_iter().collect();
        let (verb, whose) = if roles.len() == 1 {
            ("owns", "its owner")
        } else {
            ("own", "their owners")
        };
        if roles.is_empty() {
            return;
        }
        let text = format!(
            "{} {verb} {} in the source; here who connects owns them, and what {whose} did there by right has to be granted: \
             owners = \"keep\" leaves them their owners",
            roles.join(" and "),
            if owners.len() == 1 {
                "1 object".to_owned()
            } else {
                format!("{} objects", owners.len())
            },
        );
        self.note("owners", text);
    }

    fn right(&self, right: &Right, taken: &mut Vec<DeclaredRight>, left: &mut Left) {
        let relation = match &right.relation {
            None => None,
            // What is not in the plan was left out by a person, or is listed itself.
            Some(name) => match self.names.relation(name) {
                None => return,
                Some(target) => Some((name, target)),
            },
        };
        let mut leave = |role: &str, reason: String| {
            let sql = declared::verbatim(&self.with_homes(&right.sql));
            let entry = left.entry((right.kind, self.role(role).to_owned(), reason));
            entry.or_default().push(sql);
        };
        if let Some(role) = right.sql.roles().find(|r| !self.has_role(r)) {
            return leave(role, no_role(self.role(role)));
        }
        if let Some(role) = right.acts_as.as_ref().filter(|r| !self.may_act_as(r)) {
            let reason = "whoever carries the plan out is no member of the role".to_owned();
            return leave(role, reason);
        }
        if let Some((name, target)) = relation.as_ref().filter(|_| right.verbatim)
            && (target.schema != name.schema || target.name != name.name)
        {
            let role = right.sql.roles().next().unwrap_or("public");
            return leave(role, format!("{} has another name in the destination", right.on));
        }
        let Ok(sql) = self.render_template(&self.with_homes(&right.sql)) else {
            return;
        };
        let relation = relation.map(|(_, target)| target);
        match taken.last_mut() {
            Some(last) if last.kind == right.kind && last.on == right.on => {
                last.sql.push_str(";\n");
                last.sql.push_str(&sql);
            }
            _ => taken.push(DeclaredRight {
                kind: right.kind,
                on: right.on.clone(),
                relation,
                sql,
            }),
        }
    }
}
