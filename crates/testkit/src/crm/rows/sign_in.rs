//! The rows of the sign-in tables.

use super::values::*;
use super::*;
use crate::crm::words::*;

impl Content {
    pub(super) fn user(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let (first, last) = person(random);
        let created = day(random);
        let locale = random.pick(&["en-US", "en-GB", "fr-CA", "de-DE", "es-ES", "ja-JP", "pl-PL"]);
        let role = match i {
            0..4 => "ADMIN",
            4..24 => "MANAGER",
            _ if random.chance(80) => "SALES_REP",
            _ => "VIEWER",
        };
        vec![
            Cell::Uuid(self.users[i]),
            optional(random, 96, |_| Cell::text(format!("{first} {last}"))),
            Cell::text(format!("{}.{i}@greenfork.example", slug(first))),
            optional(random, 85, |random| timestamp(random, created)),
            optional(random, 60, |random| {
                Cell::text(format!(
                    "https://avatars.example/u/{}?v=4&s=96",
                    random.below(100_000_000)
                ))
            }),
            optional(random, 15, |random| Cell::Bytes(picture(random))),
            Cell::text(role),
            Cell::Bool(random.chance(90)),
            optional(random, 70, |random| {
                Cell::Money(random.between(18_00, 95_00) * 100)
            }),
            Cell::text(locale),
            optional(random, 88, |random| offset_timestamp(random, created)),
            timestamp(random, created),
            timestamp(random, created + 1),
            Cell::Bytes((0x07D1_u64 + i as u64).to_be_bytes().to_vec()),
        ]
    }

    pub(super) fn account(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        // Everybody has one account, some have a second.
        let user = self.users[if i < self.users.len() {
            i
        } else {
            (i - self.users.len()) * 3
        }];
        let provider = if i < self.users.len() {
            PROVIDERS[i % 2]
        } else {
            "credentials"
        };
        let oauth = provider != "credentials";
        let when_oauth = |percent: u64| if oauth { percent } else { 0 };
        vec![
            Cell::Uuid(random.uuid()),
            Cell::Uuid(user),
            Cell::text(if oauth { "oauth" } else { "credentials" }),
            Cell::text(provider),
            Cell::text(format!(
                "{:021}",
                100_000_000_000_u64 + random.below(1 << 40) * 1024 + i as u64
            )),
            optional(random, when_oauth(50), |random| {
                Cell::text(format!("1//{}", token(random, 64)))
            }),
            optional(random, when_oauth(95), |random| {
                let length = random.between(80, 200) as usize;
                Cell::text(format!("ya29.{}", token(random, length)))
            }),
            optional(random, when_oauth(95), |random| {
                Cell::Int(random.between(1_546_300_800, 1_751_241_600))
            }),
            optional(random, when_oauth(95), |_| Cell::text("Bearer")),
            optional(random, when_oauth(95), |_| Cell::text("openid email profile")),
            optional(random, 5, |_| Cell::text("")),
        ]
    }

    pub(super) fn session(&self, random: &mut SplitMix64) -> Vec<Cell> {
        let expires = random.between(LAST_DAY - 10, LAST_DAY + 30);
        let address = if random.chance(70) {
            format!(
                "{}.{}.{}.{}",
                random.between(11, 220),
                random.below(256),
                random.below(256),
                random.below(256)
            )
        } else {
            format!("2001:db8:{:x}::{:x}", random.below(65_536), random.below(65_536))
        };
        vec![
            Cell::Uuid(random.uuid()),
            Cell::text(uuid_text(random.uuid())),
            self.some_user(random),
            timestamp(random, expires),
            optional(random, 90, |_| Cell::text(address)),
            optional(random, 95, |random| Cell::text(random.pick(USER_AGENTS))),
        ]
    }
}

pub(super) fn verification_token(random: &mut SplitMix64, i: usize) -> Vec<Cell> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let expires = random.between(LAST_DAY - 2, LAST_DAY + 1);
    vec![
        Cell::text(format!("{}.{i}@example.org", slug(random.pick(FIRST_NAMES)))),
        Cell::text(hex::encode(bytes)),
        timestamp(random, expires),
    ]
}
