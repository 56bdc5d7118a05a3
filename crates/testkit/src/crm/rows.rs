//! The demo database's rows.
//!
//! Each table draws from a generator of its own, and what several tables must agree on (who works where, which deal
//! belongs to whom) is decided beforehand, so the tables can be written in any order and hold each other's references.

use super::schema::{FIRST_CONTRACT, FIRST_INTERACTION};
use super::table_rows;
use super::words::*;
use crate::bacpac::Cell;
use crate::random::SplitMix64;

/// 2019-01-01 and 2025-06-30, in days since 0001-01-01.
const FIRST_DAY: i64 = 737_059;
const LAST_DAY: i64 = 739_431;

/// 1900-01-01, in days since 0001-01-01.
const DAY_1900: i64 = 693_595;

const TICKS_PER_MS: u64 = 10_000;
const MS_PER_DAY: u64 = 86_400_000;

/// What the tables agree on.
pub(super) struct Content {
    seed: u64,
    users: Vec<[u8; 16]>,
    /// For each organization: its owner, and the group it belongs to, which is an organization before it.
    organizations: Vec<(Option<usize>, Option<usize>)>,
    /// For each contact: its organization, in ascending order, and whether it is the first there.
    contacts: Vec<(usize, bool)>,
    /// For each organization: its contacts, as a range.
    contacts_of: Vec<std::ops::Range<usize>>,
    /// For each opportunity: its organization and whether it is closed.
    opportunities: Vec<(usize, bool)>,
    /// For each organization: its opportunities, as a range.
    opportunities_of: Vec<std::ops::Range<usize>>,
}

type Rows<'a> = Box<dyn Iterator<Item = Vec<Cell>> + 'a>;

impl Content {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let users: Vec<_> = (0..table_rows("User")).map(|_| random.uuid()).collect();
        let count = table_rows("Organization") as usize;
        let organizations = (0..count)
            .map(|i| {
                let owner = random
                    .chance(92)
                    .then(|| random.below(users.len() as u64) as usize);
                let parent = (i > 0 && random.chance(12)).then(|| random.below(i as u64) as usize);
                (owner, parent)
            })
            .collect();
        let placed = assign(&mut random, table_rows("Contact") as usize, count);
        let contacts_of = ranges(&placed, count);
        let contacts = placed
            .iter()
            .enumerate()
            .map(|(i, &place)| (place, contacts_of[place].start == i))
            .collect();
        let placed = assign(&mut random, table_rows("Opportunity") as usize, count);
        let opportunities_of = ranges(&placed, count);
        let opportunities = placed
            .into_iter()
            .map(|place| (place, random.chance(40)))
            .collect();
        Self {
            seed,
            users,
            organizations,
            contacts,
            contacts_of,
            opportunities,
            opportunities_of,
        }
    }

    /// The rows of a table.
    pub(super) fn table(&self, table: &str) -> Rows<'_> {
        // Every table has its own generator; the name's bytes tell them apart.
        let salt = table
            .bytes()
            .fold(0_u64, |hash, b| hash.wrapping_mul(31).wrapping_add(u64::from(b)));
        let mut random = SplitMix64::new(self.seed ^ (salt << 16));
        let rows = 0..table_rows(table) as usize;
        match table {
            "User" => Box::new(rows.map(move |i| self.user(&mut random, i))),
            "Account" => Box::new(rows.map(move |i| self.account(&mut random, i))),
            "Session" => Box::new(rows.map(move |_| self.session(&mut random))),
            "VerificationToken" => Box::new(rows.map(move |i| verification_token(&mut random, i))),
            "Organization" => Box::new(rows.map(move |i| self.organization(&mut random, i))),
            "Contact" => Box::new(rows.map(move |i| self.contact(&mut random, i))),
            "Opportunity" => Box::new(rows.map(move |i| self.opportunity(&mut random, i))),
            "Interaction" => Box::new(rows.map(move |i| self.interaction(&mut random, i))),
            "Lead" => Box::new(rows.map(move |i| self.lead(&mut random, i))),
            "Contract" => Box::new(rows.map(move |i| self.contract(&mut random, i))),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn some_user(&self, random: &mut SplitMix64) -> Cell {
        Cell::Uuid(random.pick(&self.users))
    }

    fn owner_of(&self, organization: usize) -> Cell {
        Cell::or_null(
            self.organizations[organization]
                .0
                .map(|user| Cell::Uuid(self.users[user])),
        )
    }

    fn some_contact(&self, random: &mut SplitMix64, organization: usize) -> Cell {
        one_in(random, &self.contacts_of[organization], contact_id)
    }

    fn user(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn account(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn session(&self, random: &mut SplitMix64) -> Vec<Cell> {
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

    fn organization(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn contact(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn opportunity(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn interaction(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn lead(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

    fn contract(&self, random: &mut SplitMix64, i: usize) -> Vec<Cell> {
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

/// `count` places in `0..places`, ascending.
fn assign(random: &mut SplitMix64, count: usize, places: usize) -> Vec<usize> {
    let mut out: Vec<_> = (0..count).map(|_| random.below(places as u64) as usize).collect();
    out.sort_unstable();
    out
}

/// For each place, the positions in the ascending list `placed` where it stands.
fn ranges(placed: &[usize], places: usize) -> Vec<std::ops::Range<usize>> {
    let bound = |place| placed.partition_point(|&p| p < place);
    (0..places).map(|place| bound(place)..bound(place + 1)).collect()
}

fn one_in(random: &mut SplitMix64, range: &std::ops::Range<usize>, id: fn(usize) -> [u8; 16]) -> Cell {
    if range.is_empty() {
        return Cell::Null;
    }
    Cell::Uuid(id(range.start + random.below(range.len() as u64) as usize))
}

fn optional(random: &mut SplitMix64, percent: u64, value: impl FnOnce(&mut SplitMix64) -> Cell) -> Cell {
    if random.chance(percent) {
        value(random)
    } else {
        Cell::Null
    }
}

/// The `n`th identifier of `newsequentialid()`: consecutive in the first group, the rest fixed by the machine.
fn sequential(start: u32, n: usize, tail: [u8; 12]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..4].copy_from_slice(&(start + n as u32).to_le_bytes());
    out[4..].copy_from_slice(&tail);
    out
}

fn organization_id(n: usize) -> [u8; 16] {
    sequential(
        0x1C2B_8E4E,
        n,
        *b"\x3C\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

fn contact_id(n: usize) -> [u8; 16] {
    sequential(
        0x2D4F_1B00,
        n,
        *b"\x3D\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

fn opportunity_id(n: usize) -> [u8; 16] {
    sequential(
        0x5A90_77D2,
        n,
        *b"\x41\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

fn interaction_id(n: usize) -> [u8; 16] {
    sequential(
        0x7000_0010,
        n,
        *b"\x52\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

fn day(random: &mut SplitMix64) -> i64 {
    random.between(FIRST_DAY, LAST_DAY)
}

/// A moment of that day, to the millisecond, as JavaScript keeps time.
fn timestamp(random: &mut SplitMix64, day: i64) -> Cell {
    Cell::DateTime2 {
        days: day as u32,
        ticks: random.below(MS_PER_DAY) * TICKS_PER_MS,
    }
}

/// A moment of that day to the second, in one of several time zones.
fn offset_timestamp(random: &mut SplitMix64, day: i64) -> Cell {
    Cell::DateTimeOffset {
        days: day as u32,
        ticks: random.below(86_400) * 1_000 * TICKS_PER_MS,
        offset: random.pick(&[-360, -300, 0, 60, 120, 330, 540, -150]),
    }
}

fn person(random: &mut SplitMix64) -> (&'static str, &'static str) {
    (random.pick(FIRST_NAMES), random.pick(LAST_NAMES))
}

/// The ASCII letters of a name, in lower case.
fn slug(name: &str) -> String {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if letters.is_empty() {
        "mail".into()
    } else {
        letters
    }
}

fn domain(place: usize) -> String {
    format!("venue{place}")
}

fn venue(random: &mut SplitMix64) -> String {
    let first = random.pick(VENUE_FIRST);
    let second = random.pick(VENUE_SECOND);
    let third = random.pick(VENUE_THIRD);
    format!("{first} {second}{third}")
}

fn website(random: &mut SplitMix64, place: usize) -> Cell {
    match random.below(10) {
        0..5 => Cell::text(format!("https://{}.example/menü?lang=en&v=2", domain(place))),
        // Forms leave empty strings behind.
        5..7 => Cell::text(""),
        _ => Cell::Null,
    }
}

fn phone(random: &mut SplitMix64) -> Cell {
    Cell::text(format!(
        "+{} {:09}",
        random.pick(&[1, 33, 45, 48, 49, 81]),
        random.below(1_000_000_000)
    ))
}

fn notes(random: &mut SplitMix64) -> Cell {
    let count = match random.below(400) {
        0 => 180,
        1..8 => 25,
        8..20 => 0,
        20..120 => return Cell::Null,
        n => (n % 3 + 1) as usize,
    };
    Cell::text(sentences(random, count))
}

fn sentences(random: &mut SplitMix64, count: usize) -> String {
    let mut out = String::new();
    for n in 0..count {
        if n > 0 {
            out.push_str(if n % 6 == 0 { "\r\n\r\n" } else { " " });
        }
        out.push_str(random.pick(SENTENCES));
    }
    out
}

fn fill_digits(random: &mut SplitMix64, pattern: &str) -> String {
    pattern
        .chars()
        .map(|c| {
            if c == '#' {
                char::from(b'0' + random.below(10) as u8)
            } else {
                c
            }
        })
        .collect()
}

fn token(random: &mut SplitMix64, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length).map(|_| char::from(random.pick(ALPHABET))).collect()
}

/// Bytes that begin as a PNG file does.
fn picture(random: &mut SplitMix64) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec();
    let header = out.len();
    out.resize(header + random.between(40, 400) as usize, 0);
    random.fill(&mut out[header..]);
    out
}

fn uuid_text(value: [u8; 16]) -> String {
    let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

fn verification_token(random: &mut SplitMix64, i: usize) -> Vec<Cell> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let expires = random.between(LAST_DAY - 2, LAST_DAY + 1);
    vec![
        Cell::text(format!("{}.{i}@example.org", slug(random.pick(FIRST_NAMES)))),
        Cell::text(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        timestamp(random, expires),
    ]
}
