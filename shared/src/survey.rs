//! The satisfaction survey of PermenPANRB 14/2017: nine elements, each scored 1 to 4, and the index of many sheets.
//!
//! All figures are whole numbers: hundredths are rounded half up, and graded after that.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// How many elements a sheet has.
pub const ELEMENTS: usize = 9;

/// The elements in the regulation's order: Indonesian, English.
pub const NAMES: [(&str, &str); ELEMENTS] = [
    ("Persyaratan", "Requirements"),
    ("Sistem, mekanisme, dan prosedur", "System, mechanism, procedure"),
    ("Waktu penyelesaian", "Completion time"),
    ("Biaya/tarif", "Cost/tariff"),
    ("Produk spesifikasi jenis pelayanan", "Product of the service"),
    ("Kompetensi pelaksana", "Officer competence"),
    ("Perilaku pelaksana", "Officer conduct"),
    ("Penanganan pengaduan, saran dan masukan", "Handling of complaints and suggestions"),
    ("Sarana dan prasarana", "Facilities"),
];

/// The scores 1 to 4: Indonesian, English.
pub const SCALE: [(&str, &str); 4] =
    [("Tidak baik", "Bad"), ("Kurang baik", "Not so good"), ("Baik", "Good"), ("Sangat baik", "Very good")];

/// One citizen's sheet; an element that was left out has no score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scores([Option<u8>; ELEMENTS]);

/// A text that is no sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseScoresError {
    /// Another number of elements.
    #[error(
        "{found} scores were given where there are nine: 4,4,3,4,3,3,4,,4 (nothing between two commas where the citizen left one out)"
    )]
    Elements {
        /// How many.
        found: usize,
    },
    /// A score that is none.
    #[error("`{text}` is no score of element {element}: write 1, 2, 3, 4 or nothing")]
    Score {
        /// What was given, cut.
        text: String,
        /// The element, from 1.
        element: usize,
    },
    /// Not one score.
    #[error("the sheet has no score")]
    Empty,
}

impl Scores {
    /// A sheet of nine texts: 1 to 4, or nothing where the citizen left the element out.
    ///
    /// # Errors
    /// There are not nine, one is no score, or all are left out.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, ParseScoresError> {
        let mut scores = [None; ELEMENTS];
        let mut found = 0;
        for text in texts {
            let text = text.trim();
            let score = match text {
                "" | "-" => None,
                "1" | "2" | "3" | "4" => Some(text.as_bytes()[0] - b'0'),
                _ => {
                    let text = text.chars().take(64).collect();
                    return Err(ParseScoresError::Score { text, element: found + 1 });
                }
            };
            if let Some(place) = scores.get_mut(found) {
                *place = score;
            }
            found += 1;
        }
        match found {
            ELEMENTS if scores.iter().all(Option::is_none) => Err(ParseScoresError::Empty),
            ELEMENTS => Ok(Self(scores)),
            found => Err(ParseScoresError::Elements { found }),
        }
    }

    /// Whether every element has a score: only such sheets count in the index.
    pub fn is_whole(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// The form in which it is stored: nine characters, a hyphen where an element was left out.
    pub fn stored(&self) -> String {
        self.0.iter().map(|score| score.map_or('-', |score| char::from(b'0' + score))).collect()
    }

    /// Reads the stored form; `None` of anything else.
    pub fn of_stored(text: &str) -> Option<Self> {
        Self::of(text.split("").filter(|character| !character.is_empty())).ok()
    }
}

impl FromStr for Scores {
    type Err = ParseScoresError;

    fn from_str(text: &str) -> Result<Self, ParseScoresError> {
        Self::of(text.split(','))
    }
}

/// Many sheets, added up. Sheets of several visits are pooled by adding up before anything is divided: a mean of
/// indices is no index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Sheets on which every element has a score.
    pub whole: u64,
    /// Sheets that are kept and left out of the index.
    pub partial: u64,
    /// Sum of the whole sheets' scores, by element.
    sums: [u64; ELEMENTS],
}

impl Tally {
    /// Adds a sheet.
    pub fn add(&mut self, scores: &Scores) {
        if !scores.is_whole() {
            self.partial += 1;
            return;
        }
        self.whole += 1;
        for (sum, score) in self.sums.iter_mut().zip(scores.0) {
            *sum += u64::from(score.unwrap_or_default());
        }
    }

    /// Adds all sheets of another tally.
    pub fn pool(&mut self, other: &Self) {
        self.whole += other.whole;
        self.partial += other.partial;
        for (sum, other) in self.sums.iter_mut().zip(other.sums) {
            *sum += other;
        }
    }

    /// The index: 25 times the mean of the elements' means; `None` without a whole sheet.
    pub fn index(&self) -> Option<Index> {
        let sum: u64 = self.sums.iter().sum();
        (self.whole > 0).then(|| Index::of(25 * sum, ELEMENTS as u64 * self.whole))
    }

    /// Each element's mean in hundredths; `None` without a whole sheet.
    pub fn means(&self) -> Option<[Hundredths; ELEMENTS]> {
        (self.whole > 0).then(|| self.sums.map(|sum| Hundredths::of(sum, self.whole)))
    }
}

/// A number of hundredths, written with two decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hundredths(u64);

impl Hundredths {
    /// A ratio, rounded half up.
    ///
    /// # Panics
    /// The denominator is 0.
    pub fn of(numerator: u64, denominator: u64) -> Self {
        Self((200 * numerator + denominator) / (2 * denominator))
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Serialize for Hundredths {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The index of satisfaction with its grade.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Index {
    /// 25.00 to 100.00.
    pub index: Hundredths,
    /// What it is called.
    pub grade: Grade,
}

/// The grade of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Grade {
    /// 88.31 to 100.00, *sangat baik*.
    A,
    /// 76.61 to 88.30, *baik*.
    B,
    /// 65.00 to 76.60, *kurang baik*.
    C,
    /// 25.00 to 64.99, *tidak baik*.
    D,
}

impl Index {
    /// An index given as a ratio: rounded first, then graded.
    ///
    /// # Panics
    /// The denominator is 0.
    pub fn of(numerator: u64, denominator: u64) -> Self {
        let index = Hundredths::of(numerator, denominator);
        let grade = match index.0 {
            8_831.. => Grade::A,
            7_661.. => Grade::B,
            6_500.. => Grade::C,
            _ => Grade::D,
        };
        Self { index, grade }
    }
}

impl Grade {
    /// Its letter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn rules() -> Value {
        serde_json::from_str(include_str!("../../hub-server/data/registry/skm.json")).expect("JSON")
    }

    fn told(tally: &Tally) -> (String, &'static str) {
        let index = tally.index().expect("whole sheets");
        (index.index.to_string(), index.grade.as_str())
    }

    #[test]
    fn every_vector_of_the_regulation_comes_out() {
        let rules = rules();
        let mut checked = 0;
        for vector in rules["vectors"].as_array().expect("a list") {
            let mut tally = Tally::default();
            if let Some(rows) = vector["rows"].as_array() {
                for row in rows {
                    let texts: Vec<String> =
                        row.as_array().expect("a list").iter().map(Value::to_string).collect();
                    tally.add(&Scores::of(texts.iter().map(String::as_str)).expect("a sheet"));
                }
            } else if let Some(sums) = vector["sums"].as_array() {
                tally.whole = vector["n"].as_u64().expect("a number");
                for (sum, given) in tally.sums.iter_mut().zip(sums) {
                    *sum = given.as_u64().expect("a number");
                }
            } else if let Some(pairs) = vector["round_then_grade"].as_array() {
                for pair in pairs {
                    let digits: String = pair[0].as_str().expect("a text").replace('.', "");
                    let places =
                        pair[0].as_str().and_then(|text| text.split_once('.')).expect("a point").1.len();
                    let index = Index::of(digits.parse().expect("digits"), 10_u64.pow(places as u32));
                    assert_eq!(pair[1], index.grade.as_str(), "{pair}");
                    checked += 1;
                }
                continue;
            } else {
                continue;
            }
            let (index, grade) = told(&tally);
            assert_eq!((&vector["ikm"], &vector["grade"]), (&Value::from(index), &Value::from(grade)));
            checked += 1;
        }
        assert_eq!(checked, 13);
    }

    #[test]
    fn units_are_pooled_and_not_averaged() {
        let (mut content, mut rest) = (Tally::default(), Tally::default());
        content.add(&"4,4,4,4,4,4,4,4,4".parse().expect("a sheet"));
        for _ in 0..9 {
            rest.add(&"3,3,3,3,3,3,3,3,3".parse().expect("a sheet"));
        }
        rest.pool(&content);
        assert_eq!(told(&rest), ("77.50".to_owned(), "B"));
    }

    #[test]
    fn a_partial_sheet_is_kept_and_left_out() {
        let partial: Scores = "4,4,3,,3,-,4,4,1".parse().expect("a sheet");
        assert_eq!(partial.stored(), "443-3-441");
        assert_eq!(Scores::of_stored("443-3-441"), Some(partial));
        let mut tally = Tally::default();
        tally.add(&partial);
        assert_eq!((tally.whole, tally.partial, tally.index()), (0, 1, None));
        for wrong in
            ["", "4,4,4", "1,2,3,4,1,2,3,4,5", "1,2,3,4,1,2,3,4,1,1", ",,,,,,,,", "0,1,1,1,1,1,1,1,1"]
        {
            assert!(wrong.parse::<Scores>().is_err(), "{wrong:?}");
        }
        assert_eq!(Scores::of_stored("44444444é"), None);
    }

    #[test]
    fn the_elements_are_those_of_the_regulation() {
        let rules = rules();
        let elements = rules["elements"].as_array().expect("a list");
        let told: Vec<_> = elements.iter().map(|row| (row["id"].as_str(), row["en"].as_str())).collect();
        assert_eq!(told, NAMES.map(|(id, en)| (Some(id), Some(en))));
        for (score, (id, _)) in (1..).zip(SCALE) {
            assert_eq!(rules["scale"][score.to_string()], id);
        }
    }
}
