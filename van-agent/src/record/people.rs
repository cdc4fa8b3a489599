//! Who the people of a line are: known ones where that is sure, new ones otherwise.

use shared::{
    desk::warnings::Warning,
    document::{Field, field, person},
    id::{DocumentId, Kind},
    name,
    nik::Nik,
    store::{lines, read_model},
    sync::writing::Writing,
};

use super::{
    line::Identity,
    save::{Group, RefusedError},
};

impl Group<'_> {
    /// The person of an identity: a known one, or a new one.
    pub(super) fn person(
        &mut self,
        writing: &mut Writing<'_>,
        identity: &Identity,
        warnings: &mut Vec<Warning>,
    ) -> Result<DocumentId, RefusedError> {
        let known = self.known_person(writing, identity, warnings)?;
        if let Some(document) = known {
            complete(writing, document, identity)?;
            return Ok(document);
        }
        let missing = |missing| match &identity.nik {
            Some(nik) => RefusedError::Stranger { nik: nik.clone(), missing },
            None => RefusedError::Missing { missing },
        };
        let name = identity.name.as_deref().ok_or_else(|| missing("name"))?;
        let reference = identity.person_ref.as_deref().filter(|text| text.parse::<DocumentId>().is_err());
        let phone = identity.phone.as_deref().map(|phone| shared::phone::normalise(phone).0);
        let (document, mut edit) = writing.create(Kind::Person);
        person::New {
            district: &self.place.district,
            nik: identity.nik.as_ref(),
            name,
            sex: identity.sex.or_else(|| identity.nik.as_ref().map(Nik::sex)),
            born: identity.born,
            born_estimated: identity.born_estimated,
            mother: identity.mother.as_deref(),
            father: identity.father.as_deref(),
            kk: identity.kk.as_deref(),
            phone: phone.as_deref(),
            address: identity.address.as_deref(),
            village: identity.village.as_ref(),
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
        writing: &Writing<'_>,
        identity: &Identity,
        odd: &mut Vec<Warning>,
    ) -> Result<Option<DocumentId>, RefusedError> {
        if let Some(reference) = &identity.person_ref {
            return self.referred(writing, reference);
        }
        let Some(nik) = &identity.nik else {
            odd.push((
                "no_nik",
                "there is no NIK: a new person, who may be known already (see `person list`)".to_owned(),
            ));
            return Ok(None);
        };
        let mut holders: Vec<(DocumentId, DocumentId, String)> = Vec::new();
        for row in read_model::people_of_nik(writing.tx, nik.as_str())? {
            holders.push((row.document, row.twin, row.name));
        }
        for (document, name) in self.made.by_nik.get(nik).into_iter().flatten() {
            holders.push((*document, *document, name.clone()));
        }
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
            let words = format!("the NIK is known under another name, of person {document}");
            odd.push(("nik_other_name", words));
        }
        Ok(None)
    }

    /// The person that a `person_ref` names; a new one may take a name of the caller's own.
    fn referred(&self, writing: &Writing<'_>, reference: &str) -> Result<Option<DocumentId>, RefusedError> {
        if let Ok(document) = reference.parse::<DocumentId>() {
            let here = read_model::person_of(writing.tx, document)?.is_some()
                || self.made.by_nik.values().flatten().any(|(made, _)| *made == document);
            return if here { Ok(Some(document)) } else { Err(RefusedError::Person(reference.to_owned())) };
        }
        if let Some(document) = self.made.by_reference.get(reference) {
            return Ok(Some(*document));
        }
        Ok(lines::person_named(writing.tx, self.place.device, reference)?)
    }
}

/// Adds to a known person what was missing, and what changes in life where it differs.
fn complete(
    writing: &mut Writing<'_>,
    document: DocumentId,
    identity: &Identity,
) -> Result<(), RefusedError> {
    let contact = [
        (Field::Phone, identity.phone.clone()),
        (Field::Address, identity.address.clone()),
        (Field::Kk, identity.kk.clone()),
    ];
    let once = [
        (Field::Nik, identity.nik.as_ref().map(ToString::to_string)),
        (Field::Sex, identity.sex.map(|sex| sex.as_str().to_owned())),
        (Field::Born, identity.born.map(|born| born.to_string())),
        (Field::Mother, identity.mother.clone()),
        (Field::Father, identity.father.clone()),
    ];
    if contact.iter().chain(&once).all(|(_, value)| value.is_none()) {
        return Ok(());
    }
    let mut edit = writing.open(document)?;
    for (field, value) in contact {
        if let Some(value) = value {
            field::set(&mut edit, field, &value, None)?;
        }
    }
    for (field, value) in once {
        if let Some(value) = value
            && edit.text(&[field.key()]).is_none()
        {
            field::set(&mut edit, field, &value, None)?;
        }
    }
    writing.save(document, edit)?;
    Ok(())
}
