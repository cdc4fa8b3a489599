//! What the pre-list says of the people of a line, so that nobody types it again.

use shared::{
    registry::{Registries, row::Listed},
    sync::writing::Writing,
};

use super::{line::Identity, save::RefusedError};

/// An identity with what the row of the pre-list says that it names; `None` where it names none. What was typed
/// stays as it was typed.
pub(super) fn of(writing: &Writing<'_>, identity: &Identity) -> Result<Option<Identity>, RefusedError> {
    let Some(key) = &identity.listed else { return Ok(None) };
    match writing.registries.listed(key) {
        Some(listed) => Ok(Some(completed(identity, listed))),
        None => Err(RefusedError::Listed(key.chars().filter(|c| !c.is_control()).take(64).collect())),
    }
}

/// An identity of a NIK alone with what the pre-list says of that NIK; `None` where it says nothing.
pub(super) fn of_nik(registries: &Registries, identity: &Identity) -> Option<Identity> {
    let nik = identity.nik.as_ref().filter(|_| identity.name.is_none())?;
    registries.listed(&Listed::key_of_nik(nik)).map(|listed| completed(identity, listed))
}

fn completed(identity: &Identity, listed: &Listed) -> Identity {
    let text = |typed: &Option<String>, listed: &Option<String>| typed.clone().or_else(|| listed.clone());
    Identity {
        person_ref: identity.person_ref.clone(),
        listed: None,
        nik: identity.nik.clone().or_else(|| listed.nik.clone()),
        name: identity.name.clone().or_else(|| Some(listed.name.clone())),
        sex: identity.sex.or(Some(listed.sex)),
        born: identity.born.or(listed.born),
        born_estimated: identity.born_estimated,
        birth_order: identity.birth_order.clone(),
        phone: text(&identity.phone, &listed.phone),
        address: text(&identity.address, &listed.address),
        village: identity.village.clone().or_else(|| Some(listed.village.clone())),
        kk: text(&identity.kk, &listed.kk),
        mother: text(&identity.mother, &listed.mother),
        father: text(&identity.father, &listed.father),
    }
}
