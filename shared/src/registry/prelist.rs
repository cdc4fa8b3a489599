//! People whom a village announced before a visit, so that an officer chooses instead of typing.

use serde::{Deserialize, Serialize};

use super::ServiceCode;
use crate::{
    born::Born,
    id::{VillageCode, hex},
    name,
    nik::{Nik, Sex},
};

/// A person of the pre-list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// The row's key: it follows from the NIK, or else from name, birth, mother and village.
    pub listed: String,
    /// Name as written.
    pub name: String,
    /// L or P.
    pub sex: Sex,
    /// The NIK, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nik: Option<Nik>,
    /// Birth as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<Born>,
    /// Name of the mother.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mother: Option<String>,
    /// Name of the father.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub father: Option<String>,
    /// Number of the family card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kk: Option<String>,
    /// Where the person lives.
    pub village: VillageCode,
    /// Address below the village.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Telephone, as stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The service that the person will ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceCode>,
    /// Class of the queue, as a case names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
}

impl Listed {
    /// The key of the row of a NIK.
    pub fn key_of_nik(nik: &Nik) -> String {
        Self::hashed(nik.as_str())
    }

    /// The row's key. It tells nothing of the person to who reads only that a row is gone.
    pub(super) fn key_of(
        nik: Option<&Nik>,
        name: &str,
        born: Option<Born>,
        mother: Option<&str>,
        village: &VillageCode,
    ) -> String {
        let born = born.map_or_else(String::new, |born| born.to_string());
        let who = match nik {
            Some(nik) => nik.to_string(),
            None => [name, &born, mother.unwrap_or_default(), village.as_str()].join("\n"),
        };
        Self::hashed(&who)
    }

    fn hashed(who: &str) -> String {
        hex(&blake3::derive_key("keliling 1 prelist", who.as_bytes())[..10])
    }

    /// What a line of a case calls its fields, with what stands in them.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let text = |text: &Option<String>| text.clone();
        let fields = [
            ("nik", self.nik.as_ref().map(ToString::to_string)),
            ("name", Some(self.name.clone())),
            ("sex", Some(self.sex.as_str().to_owned())),
            ("born", self.born.map(|born| born.to_string())),
            ("mother", text(&self.mother)),
            ("father", text(&self.father)),
            ("kk", text(&self.kk)),
            ("phone", text(&self.phone)),
            ("address", text(&self.address)),
            ("domicile", Some(self.village.to_string())),
        ];
        fields.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }

    /// Whether a text that somebody looks for is meant: the beginning of the NIK, of the family card or of the
    /// telephone, or beginnings of words of the name, all of them.
    pub fn is_found_by(&self, text: &str) -> bool {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if digits.len() >= DIGITS_MIN && digits.bytes().all(|b| b.is_ascii_digit()) {
            let numbers = [self.nik.as_ref().map(Nik::as_str), self.kk.as_deref()];
            let phone = self.phone.as_deref().map(|phone| phone.replacen("+62", "0", 1));
            return numbers.into_iter().flatten().any(|number| number.starts_with(&digits))
                || phone.is_some_and(|phone| phone.starts_with(&digits));
        }
        let wanted = name::query_key(text);
        let words = name::search_key(&self.name);
        !wanted.is_empty()
            && wanted
                .split_whitespace()
                .all(|beginning| words.split_whitespace().any(|word| word.starts_with(beginning)))
    }
}

/// Digits from which a text is looked for as a number.
const DIGITS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, nik: Option<&str>) -> Listed {
        let nik: Option<Nik> = nik.map(|nik| nik.parse().expect("a NIK"));
        let village: VillageCode = "53.02.01.1001".parse().expect("a village");
        Listed {
            listed: Listed::key_of(nik.as_ref(), name, None, None, &village),
            name: name.to_owned(),
            sex: Sex::P,
            nik,
            born: None,
            mother: None,
            father: None,
            kk: Some("5302010101200001".to_owned()),
            village,
            address: None,
            phone: Some("+6281234567890".to_owned()),
            service: None,
            priority: None,
        }
    }

    #[test]
    fn a_person_is_found_by_name_and_numbers() {
        let one = listed("Ala'ang Nope", Some("5302016902009003"));
        for text in ["alaang", "nope ala", "5302016902009003", "5302 0169", "53020101012", "0812-3456"] {
            assert!(one.is_found_by(text), "{text}");
        }
        for text in ["", "nopa", "ala'ang taek", "530", "5302016902009004", "9999"] {
            assert!(!one.is_found_by(text), "{text}");
        }
    }

    #[test]
    fn one_nik_is_one_row_whatever_the_name_and_no_nik_is_told_apart_by_the_rest() {
        let nik = Some("5302016902009003");
        assert_eq!(listed("A", nik).listed, listed("B", nik).listed);
        assert_ne!(listed("A", None).listed, listed("B", None).listed);
        assert!(!listed("A", nik).listed.contains("5302016902009003"));
    }
}
