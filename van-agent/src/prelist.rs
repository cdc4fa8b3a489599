//! People of the pre-list, asked of the holder of the store.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    desk::people,
    name,
    nik::Nik,
    registry::row::Listed,
    store::read_model::{PersonRow, Served},
};

use crate::{
    agent::{Agent, said},
    host::output::Failure,
};

impl Agent {
    /// People of the pre-list whom a text finds, all without any, and who are not known here yet, at most `limit`.
    pub(crate) fn listed(&mut self, text: &str, limit: usize) -> Result<Vec<Listed>, Failure> {
        let all = text.trim().is_empty();
        let found = self.replica().registries().prelist().filter(|row| all || row.is_found_by(text));
        let found: Vec<Listed> = found.take(if all { usize::MAX } else { FOUND_MAX }).cloned().collect();
        let mut listed = Vec::new();
        for row in found {
            if listed.len() == limit {
                break;
            }
            if self.known(&row)?.is_none() {
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
fn is_of(row: &Listed, person: &PersonRow) -> bool {
    let nik = row.nik.as_ref().map(Nik::as_str);
    let is_of_nik = nik.is_some() && person.nik.as_deref() == nik;
    is_of_nik
        || row.born.is_some_and(|born| person.born.as_deref() == Some(born.to_string().as_str()))
            && name::agree(&row.name, &person.name)
}

/// Who was served somewhere, by what tells people apart: of thousands each row is found without a look at all.
#[derive(Debug, Default)]
pub(crate) struct ServedThere {
    niks: BTreeSet<String>,
    /// Names by birth.
    born: BTreeMap<String, Vec<String>>,
}

impl FromIterator<Served> for ServedThere {
    fn from_iter<T: IntoIterator<Item = Served>>(people: T) -> Self {
        let mut there = Self::default();
        for Served { nik, name, born } in people {
            there.niks.extend(nik);
            if let Some(born) = born {
                there.born.entry(born).or_default().push(name);
            }
        }
        there
    }
}

impl ServedThere {
    /// Whether the person of a row was served, as [`is_of`] says it of one.
    pub(crate) fn has(&self, row: &Listed) -> bool {
        let is_of_nik = row.nik.as_ref().is_some_and(|nik| self.niks.contains(nik.as_str()));
        let names = row.born.and_then(|born| self.born.get(&born.to_string()));
        is_of_nik || names.is_some_and(|names| names.iter().any(|name| name::agree(&row.name, name)))
    }
}

/// Rows that words find and that are compared with the people known here, at most.
const FOUND_MAX: usize = 200;
