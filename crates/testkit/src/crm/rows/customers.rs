//! The rows of organizations, contacts and interactions.

use super::values::*;
use super::*;
use crate::crm::words::*;

impl Content {
    pub(super) fn organization(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let (_, parent) = self.organizations[i];
        let (city, region, country, postal, latitude, longitude) = random.pick(PLACES);
        let located = random.chance(80);
        let jitter = |random: &mut SplitMix64, base: i32| {
            if located {
                Cell::decimal(i128::from(base) + i128::from(random.between(-90_000, 90_000)))
            } else {
                Cell::Null
            }
        };
        let created = FIRST_DAY + (i as i64 * (LAST_DAY - FIRST_DAY - 60)) / 6_000;
        let status = random.pick(&["PROSPECT", "ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE", "ARCHIVED"]);
        vec![
            Cell::Uuid(organization_id(i)),
            Cell::or_null(parent.map(|parent| Cell::Uuid(organization_id(parent)))),
            optional(random, 65, |_| Cell::text(format!("ERP-{:06}", 20_000 + i * 7))),
            Cell::text(venue(random)),
            Cell::text(random.pick(SEGMENTS)),
            Cell::text(random.pick(PRIORITIES)),
            Cell::text(status),
            optional(random, 80, phone),
            website(random, i),
            optional(random, 85, |random| {
                Cell::text(format!("{} {}", random.between(1, 240), random.pick(STREETS)))
            }),
            optional(random, 97, |_| Cell::text(city)),
            Cell::text(region),
            optional(random, 75, |random| Cell::text(fill_digits(random, postal))),
            Cell::text(country),
            jitter(random, latitude),
            jitter(random, longitude),
            optional(random, 40, |random| {
                Cell::Money(random.between(5, 9_000) * 10_000_000 + 1_234)
            }),
            Cell::decimal(i128::from(random.between(0, 90_000) * 25)),
            optional(random, 60, |random| Cell::Int(random.between(0, 1_200))),
            optional(random, 55, |random| Cell::Int(random.between(1, 900))),
            optional(random, 50, |random| Cell::Int(random.between(1, 5))),
            optional(random, 90, |random| {
                Cell::F32(random.pick(&[0.0, 0.0825, 0.07, 0.19, 0.21, 0.25]))
            }),
            notes(random),
            self.owner_of(i),
            optional(random, 35, |random| {
                let day = random.between(LAST_DAY - 30, LAST_DAY + 60);
                offset_timestamp(random, day)
            }),
            timestamp(random, created),
            timestamp(random, created + 20),
            if status == "ARCHIVED" {
                timestamp(random, created + 45)
            } else {
                Cell::Null
            },
        ]
    }

    pub(super) fn contact(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let (place, first_there) = self.contacts[i];
        let (first, last) = person(random);
        let boss = self.contacts_of[place].start;
        let created = day(random);
        vec![
            Cell::Uuid(contact_id(i)),
            Cell::Uuid(organization_id(place)),
            // Reports go to the first contact of the same place, which never reports to anybody.
            if first_there {
                Cell::Null
            } else {
                optional(random, 60, |_| Cell::Uuid(contact_id(boss)))
            },
            if random.chance(85) {
                self.owner_of(place)
            } else {
                Cell::Null
            },
            Cell::text(first),
            Cell::text(last),
            optional(random, 75, |random| Cell::text(random.pick(TITLES))),
            optional(random, 80, |_| {
                Cell::text(format!("{}{}@{}.example", slug(first), i % 97, domain(place)))
            }),
            optional(random, 60, phone),
            Cell::Bool(first_there),
            Cell::text(random.pick(&[
                CONTACT_STATUSES[0],
                CONTACT_STATUSES[0],
                CONTACT_STATUSES[0],
                "LEFT",
            ])),
            optional(random, 15, |random| {
                Cell::Date(random.between(711_858, 731_581) as u32)
            }),
            optional(random, 50, |random| Cell::SmallDateTime {
                days: (day(random) - DAY_1900) as u16,
                minutes: (random.between(28, 76) * 15) as u16,
            }),
            if random.chance(15) {
                notes(random)
            } else {
                Cell::Null
            },
            timestamp(random, created),
        ]
    }

    pub(super) fn interaction(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let place = random.below(self.organizations.len() as u64) as usize;
        let owner = self.organizations[place].0;
        let happened = FIRST_DAY + (i as i64 * (LAST_DAY - FIRST_DAY)) / table_rows("Interaction") as i64;
        vec![
            Cell::Uuid(interaction_id(i)),
            Cell::Int(FIRST_INTERACTION + i as i64),
            Cell::Uuid(organization_id(place)),
            if random.chance(80) {
                self.some_contact(random, place)
            } else {
                Cell::Null
            },
            if random.chance(30) {
                one_in(random, &self.opportunities_of[place], opportunity_id)
            } else {
                Cell::Null
            },
            owner.map_or_else(|| self.some_user(random), |user| Cell::Uuid(self.users[user])),
            Cell::text(random.pick(INTERACTION_TYPES)),
            optional(random, 70, |random| Cell::text(random.pick(OUTCOMES))),
            Cell::text(random.pick(SUBJECTS)),
            if random.chance(45) {
                notes(random)
            } else {
                Cell::Null
            },
            offset_timestamp(random, happened),
            optional(random, 70, |random| Cell::Int(random.between(1, 36) * 5)),
            optional(random, 20, |random| {
                Cell::Date((happened + random.between(1, 45)) as u32)
            }),
            Cell::Bool(random.chance(75)),
            timestamp(random, happened + 1),
        ]
    }
}
