//! A person: identity and contact, nothing of what was done for them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    case::{parsed, put_texts, texts},
    edit::{Edit, EditError},
    schema::key,
    view::View,
};
use crate::{
    born::Born,
    change::Scalar,
    id::{DistrictCode, DocumentId, VillageCode},
    nik::{Nik, Sex},
};

/// A person as the changes leave them. What is missing or malformed is `None`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Person {
    /// District of the device that made the document.
    pub district: Option<DistrictCode>,
    /// National identity number; newborns and unregistered people have none.
    pub nik: Option<Nik>,
    /// Name as typed.
    pub name: Option<String>,
    /// Man or woman.
    pub sex: Option<Sex>,
    /// Birth, as far as known.
    pub born: Option<Born>,
    /// Whether the birth date is a guess.
    pub born_estimated: bool,
    /// Which of twins it is, by the order of their births: `1` to `9`.
    pub birth_order: Option<String>,
    /// Name of the mother.
    pub mother: Option<String>,
    /// Name of the father.
    pub father: Option<String>,
    /// Number of the family card; changes in life, never an identity.
    pub kk: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Address below the village.
    pub address: Option<String>,
    /// Village of residence.
    pub village: Option<VillageCode>,
    /// The caller's own name for the person.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The document that stands for all documents of this person.
    pub same_as: Option<DocumentId>,
    /// Documents that somebody found to be of another person, with the reason.
    pub not_same: BTreeMap<String, String>,
    /// Reasons of amendments by field.
    pub reasons: BTreeMap<String, String>,
}

impl Person {
    /// Reads a person.
    pub fn read(view: &View<'_>) -> Self {
        let root = view.root();
        let text = |key: &str| root.text(key).map(str::to_owned);
        Self {
            district: parsed(root, key::DISTRICT),
            nik: parsed(root, key::NIK),
            name: text(key::NAME),
            sex: parsed(root, key::SEX),
            born: parsed(root, key::BORN),
            born_estimated: root.boolean(key::BORN_ESTIMATED).unwrap_or(false),
            birth_order: text(key::BIRTH_ORDER),
            mother: text(key::MOTHER),
            father: text(key::FATHER),
            kk: text(key::KK),
            phone: text(key::PHONE),
            address: text(key::ADDRESS),
            village: parsed(root, key::VILLAGE),
            reference: text(key::REF),
            same_as: parsed(root, key::SAME_AS),
            not_same: texts(root, key::NOT_SAME),
            reasons: texts(root, key::REASONS),
        }
    }

    /// The documents that somebody proposed as this person's, for the hub to link.
    pub fn proposed(&self) -> impl Iterator<Item = DocumentId> {
        self.reasons.keys().filter_map(|key| key.parse().ok())
    }

    /// Whether a newly typed person is this one without asking anybody: the NIK is equal and the
    /// names agree.
    pub fn is(&self, nik: &Nik, name: &str) -> bool {
        self.nik.as_ref() == Some(nik)
            && self.name.as_deref().is_some_and(|own| crate::name::agree(own, name))
    }
}

/// A person to be made.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// District of the device.
    pub district: &'a DistrictCode,
    /// National identity number.
    pub nik: Option<&'a Nik>,
    /// Name as typed.
    pub name: &'a str,
    /// Man or woman.
    pub sex: Option<Sex>,
    /// Birth, as far as known.
    pub born: Option<Born>,
    /// Whether the birth date is a guess.
    pub born_estimated: Option<bool>,
    /// Which of twins it is, by the order of their births: `1` to `9`.
    pub birth_order: Option<&'a str>,
    /// Name of the mother.
    pub mother: Option<&'a str>,
    /// Name of the father.
    pub father: Option<&'a str>,
    /// Number of the family card.
    pub kk: Option<&'a str>,
    /// Telephone, as [`crate::phone::normalise`] gives it.
    pub phone: Option<&'a str>,
    /// Address below the village.
    pub address: Option<&'a str>,
    /// Village of residence.
    pub village: Option<&'a VillageCode>,
    /// The caller's own name for the person.
    pub reference: Option<&'a str>,
}

impl New<'_> {
    /// Writes the person into a new document. Optional keys stay absent, containers are always made.
    ///
    /// # Errors
    /// A text is too long, or the document is not new.
    pub fn write(&self, edit: &mut Edit) -> Result<(), EditError> {
        let born = self.born.map(|born| born.to_string());
        let texts = [
            (key::DISTRICT, Some(self.district.as_str())),
            (key::NIK, self.nik.map(Nik::as_str)),
            (key::NAME, Some(self.name)),
            (key::SEX, self.sex.map(Sex::as_str)),
            (key::BORN, born.as_deref()),
            (key::BIRTH_ORDER, self.birth_order),
            (key::MOTHER, self.mother),
            (key::FATHER, self.father),
            (key::KK, self.kk),
            (key::PHONE, self.phone),
            (key::ADDRESS, self.address),
            (key::VILLAGE, self.village.map(VillageCode::as_str)),
            (key::REF, self.reference),
        ];
        put_texts(edit, &texts)?;
        if let Some(estimated) = self.born_estimated {
            edit.put(&[key::BORN_ESTIMATED], &Scalar::Boolean(estimated))?;
        }
        edit.make(&[key::NOT_SAME])?;
        edit.make(&[key::REASONS])
    }
}

/// Makes this document one of another's person, or its own again. Only the hub may.
///
/// # Errors
/// The document is no person.
pub fn set_same_as(edit: &mut Edit, person: Option<DocumentId>) -> Result<(), EditError> {
    match person {
        Some(person) => edit.put(&[key::SAME_AS], &Scalar::Str(person.to_string())),
        None => edit.delete(&[key::SAME_AS]),
    }
}

/// Remembers that another document is of another person.
///
/// # Errors
/// The document is no person, or the reason is too long.
pub fn set_not_same(edit: &mut Edit, person: DocumentId, reason: &str) -> Result<(), EditError> {
    edit.put(&[key::NOT_SAME, &person.to_string()], &Scalar::Str(reason.to_owned()))
}

/// Says that another document is of the same person, for the hub to link.
///
/// # Errors
/// The document is no person, or the reason is too long.
pub fn propose_same(edit: &mut Edit, person: DocumentId, reason: &str) -> Result<(), EditError> {
    edit.put(&[key::REASONS, &person.to_string()], &Scalar::Str(reason.to_owned()))
}

/// Forgets [`propose_same`].
///
/// # Errors
/// The document is no person.
pub fn withdraw_same(edit: &mut Edit, person: DocumentId) -> Result<(), EditError> {
    edit.delete(&[key::REASONS, &person.to_string()])
}

/// Forgets [`set_not_same`].
///
/// # Errors
/// The document is no person.
pub fn unset_not_same(edit: &mut Edit, person: DocumentId) -> Result<(), EditError> {
    edit.delete(&[key::NOT_SAME, &person.to_string()])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        document::{
            History,
            case::tests::{VAN, save},
        },
        id::Kind,
    };

    /// A person as a van makes them.
    pub(in super::super) fn recorded() -> History {
        let nik: Nik = "5302015708909002".parse().expect("possible");
        let new = New {
            district: &"53.02".parse().expect("a district"),
            nik: Some(&nik),
            name: "O'a Mate",
            sex: Some(Sex::P),
            born: Some("1990".parse().expect("a year")),
            born_estimated: Some(true),
            birth_order: None,
            mother: Some("Nahak"),
            father: None,
            kk: None,
            phone: Some("+6281234567890"),
            address: Some("RT 2"),
            village: None,
            reference: None,
        };
        let mut history = History::default();
        let mut edit = Edit::create(DocumentId::new([0; 10], Kind::Person, 1), VAN);
        new.write(&mut edit).expect("within the schema");
        save(&mut edit, &mut history);
        history
    }

    #[test]
    fn a_person_is_read_as_they_were_written() {
        let mut history = recorded();
        let person = Person::read(&View::of(&history));
        assert_eq!(person.name.as_deref(), Some("O'a Mate"));
        assert_eq!(person.born.map(|born| born.to_string()).as_deref(), Some("1990"));
        assert!(person.born_estimated);
        let nik = person.nik.clone().expect("given");
        assert!(person.is(&nik, "OA MATE") && !person.is(&nik, "Ola Mate"));

        let other = DocumentId::new([3; 10], Kind::Person, 4);
        let mut edit = Edit::open(Kind::Person, &history, VAN).expect("it opens");
        set_same_as(&mut edit, Some(other)).expect("allowed");
        set_not_same(&mut edit, other, "her sister").expect("allowed");
        save(&mut edit, &mut history);
        let person = Person::read(&View::of(&history));
        assert_eq!(person.same_as, Some(other));
        assert_eq!(person.not_same.get(&other.to_string()).map(String::as_str), Some("her sister"));
        set_same_as(&mut edit, None).expect("allowed");
        unset_not_same(&mut edit, other).expect("allowed");
        save(&mut edit, &mut history);
        let person = Person::read(&View::of(&history));
        assert_eq!((person.same_as, person.not_same.len()), (None, 0));
    }
}
