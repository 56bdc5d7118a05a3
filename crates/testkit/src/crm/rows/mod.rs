//! The demo database's rows.
//!
//! Each table draws from a generator of its own, and what several tables must agree on (who works where, which deal
//! belongs to whom) is decided beforehand, so the tables can be written in any order and hold each other's references.

mod customers;
mod sales;
mod sign_in;
mod values;

use super::schema::{FIRST_CONTRACT, FIRST_INTERACTION};
use super::table_rows;
use crate::bacpac::Cell;
use crate::random::SplitMix64;
use values::{contact_id, one_in};

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
            "VerificationToken" => Box::new(rows.map(move |i| sign_in::verification_token(&mut random, i))),
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
