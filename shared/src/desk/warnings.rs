//! What is odd about a person or a service and stops nothing: stored with the case, shown to people.

use time::Date;

use crate::{
    born::Born,
    document::Person,
    id::DocumentId,
    nik::{Nik, Sex},
    registry::{Registries, row::Service},
};

/// A warning: its code, and in words.
pub type Warning = (&'static str, String);

/// What is odd about who somebody says to be.
pub fn identity(nik: Option<&Nik>, sex: Option<Sex>, born: Option<Born>, today: Date) -> Vec<Warning> {
    let Some(nik) = nik else { return Vec::new() };
    let found = nik.warnings(sex, born, None, today);
    found.into_iter().map(|warning| (warning.code(), warning.to_string())).collect()
}

/// That somebody has no NIK.
pub fn no_nik() -> Warning {
    ("no_nik", "there is no NIK: a new person, who may be known already (see `person list`)".to_owned())
}

/// That a NIK is known under another name.
pub fn nik_other_name(holder: DocumentId) -> Warning {
    ("nik_other_name", format!("the NIK is known under another name, of person {holder}"))
}

/// Whether a warning of `code` that was stored with a case still holds, as far as its people tell.
pub fn still_holds(code: &str, consent: Option<bool>, subject: Option<&Person>, others: &[&Person]) -> bool {
    let Some(subject) = subject else { return true };
    let nik = subject.nik.as_ref();
    match code {
        "consent" => consent != Some(true),
        "no_nik" => nik.is_none() || others.iter().any(|other| other.nik.is_none()),
        "phone" => subject.phone.as_deref().is_some_and(|text| phone(text).is_some()),
        "nik_sex" => nik.is_some_and(|nik| subject.sex.is_some_and(|sex| sex != nik.sex())),
        "nik_birth_date" | "nik_century" => nik.is_some() && subject.born.is_some(),
        "nik_district_unknown" | "nik_other_name" => nik.is_some(),
        _ => true,
    }
}

/// Whether a birth lies after `today`, as far as the clock is right.
pub fn born_ahead(born: Born, today: Date) -> Option<Warning> {
    born.is_after(today)
        .then(|| ("born_ahead", format!("the birth date {born} lies ahead of this laptop's clock")))
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
        ("age", words)
    })
}

/// Whether an officer is in none of the registry's rows; an empty registry knows nobody and warns of nobody.
pub fn officer(registries: &Registries, officer: Option<&str>) -> Option<Warning> {
    let officer = officer.filter(|officer| !officer.is_empty())?;
    let unknown = registries.officers().len() > 0 && registries.officer(officer).is_none();
    unknown.then(|| ("officer_unknown", format!("officer {officer} is not in the registry")))
}

/// Whether a telephone number is none of a mobile.
pub fn phone(text: &str) -> Option<Warning> {
    let (_, is_mobile) = crate::phone::normalise(text);
    (!is_mobile).then(|| ("phone", "the telephone number is not one of a mobile phone".to_owned()))
}
