//! Who the people of a line are: known ones where that is sure, new ones otherwise.
//!
//! **Invariant:** what was typed of a known person is never lost: it is stored already, or fills what was
//! missing, or is told in a warning of the case, or the line is refused.

use shared::{
    desk::warnings::{self, Warning},
    document::{Field, Person, View, field, person},
    id::{DocumentId, Kind, VillageCode},
    name,
    nik::Nik,
    phone,
    store::{lines, read_model},
    sync::writing::Writing,
};

use super::{
    announced,
    line::Identity,
    save::{Group, RefusedError},
};

impl Group<'_> {
    /// The person of an identity: a known one, or a new one, who lives in `village` unless the line says
    /// otherwise.
    pub(super) fn person(
        &mut self,
        writing: &mut Writing<'_>,
        identity: &Identity,
        village: Option<&VillageCode>,
        warnings: &mut Vec<Warning>,
    ) -> Result<DocumentId, RefusedError> {
        let announced = announced::of(writing, identity)?;
        let identity = announced.as_ref().unwrap_or(identity);
        let known = self.known_person(writing, identity, warnings)?;
        if let Some(document) = known {
            self.complete(writing, document, identity, warnings)?;
            return Ok(document);
        }
        let announced = announced::of_nik(writing.registries, identity);
        let identity = announced.as_ref().unwrap_or(identity);
        let missing = |missing| match &identity.nik {
            Some(nik) => RefusedError::Stranger { nik: nik.clone(), missing },
            None => RefusedError::Missing { missing },
        };
        let name = identity.name.as_deref().ok_or_else(|| missing("name"))?;
        let reference = identity.person_ref.as_deref().filter(|text| text.parse::<DocumentId>().is_err());
        let phone = identity.phone.as_deref().map(|phone| phone::normalise(phone).0);
        let (document, mut edit) = writing.create(Kind::Person);
        person::New {
            district: &self.place.district,
            nik: identity.nik.as_ref(),
            name,
            sex: identity.sex.or_else(|| identity.nik.as_ref().map(Nik::sex)),
            born: identity.born,
            born_estimated: identity.born_estimated,
            birth_order: identity.birth_order.as_deref(),
            mother: identity.mother.as_deref(),
            father: identity.father.as_deref(),
            kk: identity.kk.as_deref(),
            phone: phone.as_deref(),
            address: identity.address.as_deref(),
            village: identity.village.as_ref().or(village),
            reference,
        }
        .write(&mut edit)?;
        writing.save(document, edit)?;
        if let Some(nik) = &identity.nik {
            self.made.by_nik.entry(nik.clone()).or_default().push((document, name.to_owned()));
        }
        if let Some(reference) = reference {
            self.made.by_reference.insert(reference.to_owned(), document);
        }
        Ok(document)
    }

    /// Who an identity is, if that is sure: by `person_ref`, or by an equal NIK with an agreeing name.
    fn known_person(
        &self,
        writing: &mut Writing<'_>,
        identity: &Identity,
        odd: &mut Vec<Warning>,
    ) -> Result<Option<DocumentId>, RefusedError> {
        if let Some(reference) = &identity.person_ref {
            return self.referred(writing, identity, reference);
        }
        let Some(nik) = &identity.nik else {
            odd.push(warnings::no_nik());
            return Ok(None);
        };
        let holders = self.holders(writing, nik)?;
        let Some(typed) = &identity.name else {
            // With the NIK alone only one person may be meant.
            let one = holders.first().filter(|first| holders.iter().all(|other| other.1 == first.1));
            return Ok(one.map(|(document, ..)| *document));
        };
        let agreeing = holders.iter().filter(|(.., known)| name::agree(known, typed));
        if let Some((document, ..)) = agreeing.min_by_key(|(document, ..)| *document) {
            return Ok(Some(*document));
        }
        if let Some((document, ..)) = holders.first() {
            odd.push(warnings::nik_other_name(*document));
        }
        Ok(None)
    }

    /// Whoever has a NIK: the document, the one that stands for it, and the name.
    fn holders(
        &self,
        writing: &Writing<'_>,
        nik: &Nik,
    ) -> Result<Vec<(DocumentId, DocumentId, String)>, RefusedError> {
        let mut holders = Vec::new();
        for row in read_model::people_of_nik(writing.tx, nik.as_str())? {
            holders.push((row.document, row.twin, row.name));
        }
        for (document, name) in self.made.by_nik.get(nik).into_iter().flatten() {
            holders.push((*document, *document, name.clone()));
        }
        Ok(holders)
    }

    /// The person that a `person_ref` names, whose name and NIK are those of the line; a new one may take a
    /// name of the caller's own.
    fn referred(
        &self,
        writing: &mut Writing<'_>,
        identity: &Identity,
        reference: &str,
    ) -> Result<Option<DocumentId>, RefusedError> {
        let document = if let Ok(document) = reference.parse::<DocumentId>() {
            if document.kind() != Some(Kind::Person) || writing.history(document)?.is_empty() {
                return Err(RefusedError::Person(reference.to_owned()));
            }
            Some(document)
        } else if let Some(document) = self.made.by_reference.get(reference) {
            Some(*document)
        } else {
            lines::person_named(writing.tx, self.place.device, reference)?
        };
        let Some(document) = document else { return Ok(None) };
        let stored = read(writing, document)?;
        let typed = (identity.name.as_deref(), identity.nik.as_ref());
        let other_name = typed.0.zip(stored.name.as_deref()).is_some_and(|(one, two)| !name::agree(one, two));
        let other_nik = typed.1.zip(stored.nik.as_ref()).is_some_and(|(one, two)| one != two);
        if other_name || other_nik {
            return Err(RefusedError::Somebody {
                reference: reference.chars().take(64).collect(),
                name: stored.name.unwrap_or_else(|| "nobody named".to_owned()),
                nik: stored.nik,
            });
        }
        Ok(Some(document))
    }

    /// Adds to a known person what was missing; what differs stays as it is stored, with a warning that holds
    /// both values.
    fn complete(
        &self,
        writing: &mut Writing<'_>,
        document: DocumentId,
        identity: &Identity,
        odd: &mut Vec<Warning>,
    ) -> Result<(), RefusedError> {
        let stored = read(writing, document)?;
        let mut missing = Vec::new();
        for (field, typed, stored_value) in fields(identity, &stored) {
            match (typed, stored_value) {
                (Some(typed), None) => missing.push((field, typed)),
                (Some(typed), Some(stored_value)) if folded(&typed) != folded(&stored_value) => {
                    let name = stored.name.as_deref().unwrap_or("a person without a name");
                    odd.push(warnings::differs(field, name, &stored_value, &typed));
                }
                (Some(_), Some(_)) | (None, _) => {}
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if stored.nik.is_none()
            && let Some(nik) = &identity.nik
        {
            let name = stored.name.as_deref().unwrap_or_default();
            let holders = self.holders(writing, nik)?;
            if let Some((holder, ..)) = holders.iter().find(|(.., known)| !name::agree(known, name)) {
                odd.push(warnings::nik_other_name(*holder));
            }
        }
        let mut edit = writing.open(document)?;
        for (field, typed) in missing {
            field::set(&mut edit, field, &typed, None)?;
        }
        writing.save(document, edit)?;
        Ok(())
    }
}

fn read(writing: &mut Writing<'_>, document: DocumentId) -> Result<Person, RefusedError> {
    Ok(Person::read(&View::of(writing.history(document)?)))
}

/// Everything but the name that a line may say of a known person: as typed, and as stored.
fn fields(identity: &Identity, stored: &Person) -> [(Field, Option<String>, Option<String>); 11] {
    fn text(value: Option<impl ToString>) -> Option<String> {
        value.map(|value| value.to_string())
    }
    let sex = |sex: shared::nik::Sex| sex.as_str();
    let guessed = |born: bool, guess: bool| (born && guess).then(|| "true".to_owned());
    [
        (Field::Nik, text(identity.nik.as_ref()), text(stored.nik.as_ref())),
        (Field::Sex, text(identity.sex.map(sex)), text(stored.sex.map(sex))),
        (Field::Born, text(identity.born), text(stored.born)),
        (
            Field::BornEstimated,
            guessed(stored.born.is_none(), identity.born_estimated == Some(true)),
            guessed(true, stored.born_estimated),
        ),
        (Field::BirthOrder, identity.birth_order.clone(), stored.birth_order.clone()),
        (Field::Mother, identity.mother.clone(), stored.mother.clone()),
        (Field::Father, identity.father.clone(), stored.father.clone()),
        (
            Field::Phone,
            identity.phone.as_deref().map(|typed| phone::normalise(typed).0),
            stored.phone.clone(),
        ),
        (Field::Address, identity.address.clone(), stored.address.clone()),
        (Field::Kk, identity.kk.clone(), stored.kk.clone()),
        (Field::Domicile, text(identity.village.as_ref()), text(stored.village.as_ref())),
    ]
}

/// A value without what two people write differently: capital letters and spaces.
fn folded(value: &str) -> String {
    value.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
