//! People of the pre-list, asked of the holder of the store.

use shared::{desk::people, nik::Nik, registry::row::Listed};

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
            if listed.len() < limit && !self.is_known(&row)? {
                listed.push(row);
            }
        }
        Ok(listed)
    }

    /// Whether somebody known here is the person of a row, as far as can be said: by NIK, or by name and birth.
    pub(crate) fn is_known(&mut self, row: &Listed) -> Result<bool, Failure> {
        let nik = row.nik.as_ref().map(Nik::as_str);
        let like = people::like(self.read()?, nik, &row.name, row.born).map_err(said)?;
        let born = row.born.map(|born| born.to_string());
        Ok(like.iter().any(|known| {
            (nik.is_some() && known.nik.as_deref() == nik) || (born.is_some() && known.born == born)
        }))
    }
}

/// Rows that are compared with the people known here, at most.
const FOUND_MAX: usize = 200;
