//! The rows of opportunities, leads and contracts.

use super::values::*;
use super::*;
use crate::crm::words::*;

impl Content {
    pub(super) fn opportunity(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let (place, closed) = self.opportunities[i];
        let created = day(random);
        let won = random.chance(55);
        let (stage, probability) = match (closed, won) {
            (true, true) => ("CLOSED_WON", 100),
            (true, false) => ("CLOSED_LOST", 0),
            _ => {
                let step = random.below(5) as usize;
                (STAGES[step], [10, 25, 40, 60, 75][step])
            }
        };
        let product = random.pick(PRODUCTS);
        vec![
            Cell::Uuid(opportunity_id(i)),
            Cell::Uuid(organization_id(place)),
            self.some_contact(random, place),
            self.owner_of(place),
            Cell::text(format!("{product} — {}", random.between(2019, 2025))),
            Cell::text(stage),
            Cell::decimal(i128::from(random.between(1, 40_000) * 125)),
            Cell::Int(probability),
            optional(random, 85, |random| {
                Cell::Date((created + random.between(14, 200)) as u32)
            }),
            if closed {
                Cell::DateTime {
                    days: (created + random.between(5, 120) - DAY_1900) as i32,
                    ticks: random.below(25_920_000) as u32,
                }
            } else {
                Cell::Null
            },
            if stage == "CLOSED_LOST" {
                Cell::text(random.pick(SENTENCES))
            } else {
                Cell::Null
            },
            optional(random, 70, |random| {
                Cell::F64(random.below(4_096) as f64 / 4_096.0)
            }),
            timestamp(random, created),
            timestamp(random, created + 3),
        ]
    }

    pub(super) fn lead(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let (first, last) = person(random);
        // One lead in eight became an opportunity; no two became the same.
        let converted = (i % 8 == 3).then_some(i);
        let organization = converted.map(|opportunity| self.opportunities[opportunity].0);
        let status = if converted.is_some() {
            "CONVERTED"
        } else {
            random.pick(&LEAD_STATUSES[..3])
        };
        vec![
            Cell::Uuid(random.uuid()),
            Cell::or_null(organization.map(|place| Cell::Uuid(organization_id(place)))),
            if random.chance(70) {
                self.some_user(random)
            } else {
                Cell::Null
            },
            Cell::or_null(converted.map(|opportunity| Cell::Uuid(opportunity_id(opportunity)))),
            Cell::text(venue(random)),
            optional(random, 80, |_| Cell::text(format!("{first} {last}"))),
            optional(random, 70, |_| {
                Cell::text(format!("{}@lead{i}.example", slug(last)))
            }),
            Cell::text(random.pick(LEAD_SOURCES)),
            Cell::text(status),
            Cell::Int(random.between(0, 100)),
            optional(random, 30, |random| {
                Cell::Money(random.between(-5, 500) * 1_000_000 + 25)
            }),
            if random.chance(50) {
                notes(random)
            } else {
                Cell::Null
            },
            Cell::DateTime2 {
                days: day(random) as u32,
                ticks: random.below(MS_PER_DAY * TICKS_PER_MS),
            },
        ]
    }

    pub(super) fn contract(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
        let opportunity = i * 4;
        let place = self.opportunities[opportunity].0;
        let start = day(random);
        let mut hash = vec![0; 32];
        random.fill(&mut hash);
        let long = i % 300 == 7;
        vec![
            Cell::Uuid(random.uuid()),
            Cell::Int(FIRST_CONTRACT + i as i64),
            Cell::Uuid(organization_id(place)),
            Cell::Uuid(opportunity_id(opportunity)),
            self.some_contact(random, place),
            Cell::text(random.pick(CONTRACT_STATUSES)),
            Cell::Date(start as u32),
            optional(random, 70, |random| {
                Cell::Date((start + random.between(0, 1_095)) as u32)
            }),
            Cell::Money(random.between(1, 900_000) * 12_500),
            Cell::decimal(i128::from(random.between(0, 20) * 125)),
            if long {
                Cell::text(sentences(random, 400))
            } else {
                optional(random, 60, |random| Cell::text(sentences(random, 6)))
            },
            optional(random, 50, |_| Cell::Bytes(hash)),
            timestamp(random, start - 10),
        ]
    }
}
