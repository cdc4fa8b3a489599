//! People of the pre-list, asked of the holder of the store.

use shared::{desk::people, name, nik::Nik, registry::row::Listed, store::read_model::PersonRow};

use crate::{
    agent::{Agent, said},
    host::output::Failure,
};

impl Agent {
    /// People of the pre-list whom a text finds and who are not known here yet, at most `limit`.
    pub(crate) fn listed(&mut self, text: &str, limit: usize) -> Result<Vec<Listed>, Failure> {
        let found = self.replica().registries().prelist().filter(|row| row.is_found_by(text));
        let found: Vec<Listed> = found.take(FOUND_MAX).cloned().collect();
        let mut listed = Vec::new();
        for row in found {
            if listed.len() < limit && self.known(&row)?.is_none() {
                listed.push(row);
            }
        }
        Ok(listed)
    }

    /// Who of those known here is the person of a row, as far as can be said.
    pub(crate) fn known(&mut self, row: &Listed) -> Result<Option<PersonRow>, Failure> {
        let nik = row.nik.as_ref().map(Nik::as_str);
        let like = people::like(self.read()?, nik, &row.name, row.born).map_err(said)?;
        Ok(like.into_iter().find(|known| is_of(row, known)))
    }
}

/// Whether somebody is the person of a row, as far as can be said: by NIK, or by name and birth.
pub(crate) fn is_of(row: &Listed, person: &PersonRow) -> bool {
    let nik = row.nik.as_ref().map(Nik::as_str);
    let is_of_nik = nik.is_some() && person.nik.as_deref() == nik;
    is_of_nik
        || row.born.is_some_and(|born| person.born.as_deref() == Some(born.to_string().as_str()))
            && name::agree(&row.name, &person.name)
}

/// Rows that are compared with the people known here, at most.
const FOUND_MAX: usize = 200;
