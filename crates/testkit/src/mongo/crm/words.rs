//! What texts are made of.

use super::Maker;

const FIRST_NAMES: [&str; 24] = [
    "Anna",
    "Bram",
    "Chloé",
    "Dmitri",
    "Elif",
    "Fatima",
    "Giulia",
    "Håkon",
    "Ines",
    "Jürgen",
    "Kateřina",
    "Lwazi",
    "María",
    "Nguyễn",
    "Olga",
    "Παύλος",
    "Qiang",
    "Rahel",
    "Søren",
    "Tamar",
    "Uma",
    "Виктор",
    "Wanja",
    "渡辺",
];
const LAST_NAMES: [&str; 20] = [
    "Almeida",
    "Böhm",
    "Castillo",
    "Dąbrowski",
    "Eriksson",
    "Fischer",
    "García",
    "Håland",
    "Ivanova",
    "Jansen",
    "Kowalska",
    "Lefèvre",
    "Müller",
    "Novák",
    "O'Brien",
    "Papadopoulos",
    "Ramos",
    "Şahin",
    "Tanaka",
    "Žukauskas",
];
const COMPANIES: [&str; 16] = [
    "Alpenblick",
    "Brouwer",
    "Cedar & Co",
    "Delta Foods",
    "Eisbär",
    "Fjord",
    "Granja",
    "Harvest",
    "Île-de-Ré",
    "Jolly",
    "Kiosk",
    "Lumière",
    "Mercato",
    "Nordwind",
    "Olive",
    "Pão",
];
const FORMS: [&str; 7] = ["GmbH", "Ltd", "S.A.", "AB", "Kft.", "Inc.", "SpA"];
const CITIES: [&str; 12] = [
    "Zürich",
    "København",
    "Łódź",
    "São Paulo",
    "Reykjavík",
    "Αθήνα",
    "Київ",
    "Wien",
    "Málaga",
    "Tromsø",
    "東京",
    "Cork",
];
const NOUNS: [&str; 16] = [
    "offer",
    "delivery",
    "sample",
    "contract",
    "visit",
    "call",
    "menu",
    "price list",
    "complaint",
    "order",
    "freezer",
    "invoice",
    "season",
    "tasting",
    "stock",
    "route",
];
const VERBS: [&str; 10] = [
    "check",
    "send",
    "prepare",
    "discuss",
    "renew",
    "cancel",
    "confirm",
    "review",
    "plan",
    "follow up",
];

/// Words that somebody tags things with.
pub(super) const TAGS: [&str; 8] = [
    "vip",
    "cold",
    "café",
    "renewal",
    "newsletter",
    "2019",
    "no-call",
    "Bio",
];

/// Currencies.
pub(super) const CURRENCIES: [&str; 4] = ["EUR", "CHF", "SEK", "USD"];

impl Maker<'_> {
    pub(super) fn first_name(&mut self) -> &'static str {
        self.random.pick(&FIRST_NAMES)
    }

    pub(super) fn last_name(&mut self) -> &'static str {
        self.random.pick(&LAST_NAMES)
    }

    pub(super) fn company(&mut self) -> String {
        format!("{} {}", self.random.pick(&COMPANIES), self.random.pick(&FORMS))
    }

    pub(super) fn city(&mut self) -> &'static str {
        self.random.pick(&CITIES)
    }

    pub(super) fn title(&mut self) -> String {
        format!("{} {}", self.random.pick(&VERBS), self.random.pick(&NOUNS))
    }

    /// Some sentences, now and then many.
    pub(super) fn text(&mut self) -> String {
        let sentences = if self.random.chance(3) {
            60
        } else {
            1 + self.random.below(4)
        };
        let sentences: Vec<String> = (0..sentences).map(|_| format!("{}.", self.title())).collect();
        sentences.join(if self.random.chance(30) { "\n" } else { " " })
    }

    /// An address that nobody else of the collection has.
    pub(super) fn email(&self, who: &str) -> String {
        format!("{who}{}@example.com", self.n)
    }
}
