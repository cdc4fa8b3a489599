//! What is odd about a person or a service and stops nothing: stored with the case, shown to people.

use time::{Date, Duration};

use crate::{
    born::Born,
    document::{Field, Person},
    id::DocumentId,
    name,
    nik::{Nik, NikWarning, Sex},
    registry::{Registries, row::Service},
    store::{Result, Tx, read_model},
};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What sort of thing is odd: the key under which a case keeps it, and pages have words for it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that is stored; it never changes.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The service is not for this age.
    Age = "age",
    /// The birth lies ahead of the clock.
    BornAhead = "born_ahead",
    /// Nobody noted that the citizen consents.
    Consent = "consent",
    /// Something was typed that differs from what is stored of a known person.
    Differs = "differs",
    /// The sitting ended before it began.
    Ended = "ended",
    /// The agency's numbers that were lent to this laptop are used up, or their time is over.
    Lease = "lease",
    /// The first status does not go with how far the service goes without network.
    Mode = "mode",
    /// The NIK names another birth date.
    NikBirthDate = "nik_birth_date",
    /// The NIK fits the birth date only a century ago.
    NikCentury = "nik_century",
    /// The NIK was issued in a district that is not in the registry.
    NikDistrictUnknown = "nik_district_unknown",
    /// The NIK is known under another name.
    NikOtherName = "nik_other_name",
    /// The NIK names another sex.
    NikSex = "nik_sex",
    /// There is no NIK.
    NoNik = "no_nik",
    /// The officer is not in the registry.
    OfficerUnknown = "officer_unknown",
    /// The telephone number is none of a mobile.
    Phone = "phone",
    /// The same line was recorded before.
    Repeated = "repeated",
    /// The numbered blank stands in another case.
    SameBlank = "same_blank",
    /// The person has an open case of the same service.
    SameOpen = "same_open",
    /// The sitting's day lies ahead of the clock.
    StartedAhead = "started_ahead",
    /// The sitting's day lies so far back that its year may be mistaken.
    StartedLongAgo = "started_long_ago",
}

/// How many days back a time that somebody types may lie before they are asked to look at it again.
const TYPED_DAYS_MAX: i64 = 60;

/// A warning: its code, and in words.
pub type Warning = (Code, String);

/// What is odd about who somebody says to be.
pub fn identity(nik: Option<&Nik>, sex: Option<Sex>, born: Option<Born>, today: Date) -> Vec<Warning> {
    let Some(nik) = nik else { return Vec::new() };
    let found = nik.warnings(sex, born, None, today);
    let code = |warning| match warning {
        NikWarning::BirthDate => Code::NikBirthDate,
        NikWarning::Sex => Code::NikSex,
        NikWarning::DistrictUnknown => Code::NikDistrictUnknown,
        NikWarning::Century => Code::NikCentury,
    };
    found.into_iter().map(|warning| (code(warning), warning.to_string())).collect()
}

/// That somebody has no NIK.
pub fn no_nik() -> Warning {
    (Code::NoNik, "there is no NIK: a new person, who may be known already (see `person list`)".to_owned())
}

/// That a NIK is known under another name.
pub fn nik_other_name(holder: DocumentId) -> Warning {
    (Code::NikOtherName, format!("the NIK is known under another name, of person {holder}"))
}

/// That the same person has open cases of the same service; `again` is why another one is recorded all the same.
pub fn same_open(slips: &[String], again: Option<&str>) -> Warning {
    (Code::SameOpen, format!("case {}{OF_SAME_OPEN}{}", slips.join(", "), recorded_again(again)))
}

/// That cases name the same numbered blank; `again` is why another one is recorded all the same.
pub fn same_blank(blank: &str, slips: &[String], again: Option<&str>) -> Warning {
    let slips = slips.join(", ");
    (Code::SameBlank, format!("blank {blank}{OF_CASE}{slips}{ALREADY}{}", recorded_again(again)))
}

/// That something was typed of a known person that is stored otherwise.
pub fn differs(field: Field, name: &str, stored: &str, typed: &str) -> Warning {
    (Code::Differs, format!("{field}{OF}{name}{IS}{stored}{STAYS}{typed}{TYPED}"))
}

const OF_SAME_OPEN: &str = " for the same person and service is still open";
const OF_CASE: &str = " was used for case ";
const ALREADY: &str = " already";
const AGAIN: &str = "; recorded again: ";
const OF: &str = " of ";
const IS: &str = " is ";
const STAYS: &str = " and stays so; ";
const TYPED: &str = " was typed now";

fn recorded_again(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!("{AGAIN}{why}"))
}

/// What a warning holds beside its code, of those whose words alone tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told<'a> {
    /// The cases that are repeated, and why.
    Repeats {
        /// Their numbers.
        slips: &'a str,
        /// The reason, where somebody gave one.
        again: Option<&'a str>,
    },
    /// What differs.
    Differs(Vec<Difference<'a>>),
}

/// What was typed of a known person that is stored otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference<'a> {
    /// The field, as documents call it.
    pub field: &'a str,
    /// Whose.
    pub name: &'a str,
    /// What is stored.
    pub stored: &'a str,
    /// What was typed.
    pub typed: &'a str,
}

/// Reads the words of a stored warning; `None` of what others wrote.
pub fn told<'a>(code: &str, words: &'a str) -> Option<Told<'a>> {
    if code == Code::Differs.as_str() {
        let all = words.strip_suffix(TYPED)?.split(TYPED);
        return Some(Told::Differs(all.map(difference).collect::<Option<_>>()?));
    }
    let (words, again) = match words.split_once(AGAIN) {
        Some((words, again)) => (words, Some(again)),
        None => (words, None),
    };
    let slips = match code {
        "same_open" => words.strip_prefix("case ")?.strip_suffix(OF_SAME_OPEN)?,
        "same_blank" => words.split_once(OF_CASE)?.1.strip_suffix(ALREADY)?,
        _ => return None,
    };
    Some(Told::Repeats { slips, again })
}

fn difference(words: &str) -> Option<Difference<'_>> {
    let (field, rest) = words.trim_start_matches("; ").split_once(OF)?;
    let (known, typed) = rest.split_once(STAYS)?;
    let (name, stored) = known.split_once(IS)?;
    Some(Difference { field, name, stored, typed })
}

/// The people of a case as they are now, who may be others than those whom its stored warnings are about.
pub(super) struct People<'a> {
    /// Whom it is about, with the document.
    pub(super) subject: (DocumentId, &'a Person),
    /// Who asked and who will fetch the product.
    pub(super) others: Vec<(DocumentId, &'a Person)>,
    /// What it is about.
    pub(super) service: Option<&'a Service>,
    /// The local day of its sitting.
    pub(super) day: Date,
}

impl Code {
    /// Whether the people of a case alone tell whether such a warning holds.
    pub(super) fn is_of_people(self) -> bool {
        matches!(
            self,
            Self::Age
                | Self::BornAhead
                | Self::NikBirthDate
                | Self::NikCentury
                | Self::NikOtherName
                | Self::NikSex
                | Self::NoNik
                | Self::Phone
        )
    }
}

impl People<'_> {
    /// What is odd about them; of who is not the subject, what may be a mistake about who that is.
    ///
    /// # Errors
    /// The store fails.
    pub(super) fn warnings(&self, tx: Tx<'_>) -> Result<Vec<Warning>> {
        let (_, subject) = self.subject;
        let mut found = identity(subject.nik.as_ref(), subject.sex, subject.born, self.day);
        found.extend(self.service.and_then(|service| age(service, subject.born, self.day)));
        found.extend(subject.phone.as_deref().and_then(phone));
        for (document, person) in self.others.iter().chain([&self.subject]) {
            found.extend(person.nik.is_none().then(no_nik));
            found.extend(other_name(tx, *document, person)?);
            found.extend(person.born.and_then(|born| born_ahead(born, self.day)));
        }
        Ok(found)
    }
}

/// Whether the NIK of a person is another person's too, by name.
///
/// # Errors
/// The store fails.
pub(super) fn other_name(tx: Tx<'_>, document: DocumentId, person: &Person) -> Result<Option<Warning>> {
    let (Some(nik), Some(name)) = (&person.nik, &person.name) else { return Ok(None) };
    let holders = read_model::people_of_nik(tx, nik.as_str())?;
    let other = holders.into_iter().find(|row| row.document != document && !name::agree(&row.name, name));
    Ok(other.map(|row| nik_other_name(row.document)))
}

/// Whether a birth lies after `today`, as far as the clock is right.
pub fn born_ahead(born: Born, today: Date) -> Option<Warning> {
    born.is_after(today)
        .then(|| (Code::BornAhead, format!("the birth date {born} lies ahead of this laptop's clock")))
}

/// Whether a sitting's day lies after `today`, as far as the clock is right.
pub fn started_ahead(day: Date, today: Date) -> Option<Warning> {
    (day > today)
        .then(|| (Code::StartedAhead, format!("the sitting began on {day}, ahead of this laptop's clock")))
}

/// Whether a sitting's day that somebody typed lies after `today`, or more than 60 days before.
pub fn typed_day(day: Date, today: Date) -> Option<Warning> {
    let long_ago = || {
        let words = format!(
            "the sitting began on {day}, more than {TYPED_DAYS_MAX} days ago: look at its year again"
        );
        (today - day > Duration::days(TYPED_DAYS_MAX)).then_some((Code::StartedLongAgo, words))
    };
    started_ahead(day, today).or_else(long_ago)
}

/// Whether a service is unfit for the age on `today`.
pub fn age(service: &Service, born: Option<Born>, today: Date) -> Option<Warning> {
    let (least, most) = born?.age(today);
    let years = |years: u32| u8::try_from(years).unwrap_or(u8::MAX);
    let fits = service.suits_age(years(least)) || service.suits_age(years(most));
    let limits = match (service.age_from, service.age_below) {
        (Some(from), Some(below)) => format!("from {from} and below {below}"),
        (Some(from), None) => format!("from {from}"),
        (None, Some(below)) => format!("below {below}"),
        (None, None) => String::new(),
    };
    (!fits).then(|| {
        let words = format!("{} is for people {limits} years of age, this one is {least}", service.code);
        (Code::Age, words)
    })
}

/// Whether an officer is in none of the registry's rows; an empty registry knows nobody and warns of nobody.
pub fn officer(registries: &Registries, officer: Option<&str>) -> Option<Warning> {
    let officer = officer.filter(|officer| !officer.is_empty())?;
    let unknown = registries.officers().len() > 0 && registries.officer(officer).is_none();
    unknown.then(|| (Code::OfficerUnknown, format!("officer {officer} is not in the registry")))
}

/// Whether a telephone number is none of a mobile.
pub fn phone(text: &str) -> Option<Warning> {
    let (_, is_mobile) = crate::phone::normalise(text);
    (!is_mobile).then(|| (Code::Phone, "the telephone number is not one of a mobile phone".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_day_is_of_the_last_sixty() {
        let today = time::macros::date!(2026 - 11 - 22);
        let code = |days| typed_day(today + Duration::days(days), today).map(|(code, _)| code);
        assert_eq!([code(0), code(-60)], [None, None]);
        assert_eq!([code(1), code(-61)], [Some(Code::StartedAhead), Some(Code::StartedLongAgo)]);
    }

    #[test]
    fn what_a_warning_holds_is_read_back() {
        let slips = ["53.02/V01A/20261121/0042-K".to_owned(), "53.02/V01A/20261121/0043-I".to_owned()];
        let joined = slips.join(", ");
        for again in [None, Some("kartu hilang; minta lagi")] {
            let expected = Some(Told::Repeats { slips: &joined, again });
            for (code, words) in [same_open(&slips, again), same_blank("A0012", &slips, again)] {
                assert_eq!(told(code.as_str(), &words), expected, "{words}");
            }
        }
        let (code, one) = differs(Field::Mother, "O'a Mate", "Maria", "Mira; atau Maria");
        let (_, other) = differs(Field::Born, "Nahak", "1948", "1949-02");
        let both = format!("{one}; {other}");
        let Some(Told::Differs(found)) = told(code.as_str(), &both) else { panic!("{both}") };
        let found: Vec<_> = found.iter().map(|one| (one.field, one.name, one.stored, one.typed)).collect();
        let expected =
            [("mother", "O'a Mate", "Maria", "Mira; atau Maria"), ("born", "Nahak", "1948", "1949-02")];
        assert_eq!(found, expected);
        for (code, words) in [("differs", "x"), ("same_open", "case 1"), ("age", "x")] {
            assert_eq!(told(code, words), None);
        }
    }
}
