//! Which documents a device holds: decided by the hub alone.
//!
//! Persons and open cases of the villages assigned to the device's unit, with their visits; cases that
//! ended within [`CLOSED_DAYS`] days; what the device made itself. All villages until some are assigned.

use rusqlite::{OptionalExtension, params};

use crate::{
    id::{DocumentId, Kind, UnitId, VillageCode},
    registry::Registries,
    store::{Result, StoreError, Tx},
    time::Timestamp,
};

/// Days that a case stays in scope after it ended.
pub(super) const CLOSED_DAYS: i64 = 14;

/// What a unit's devices hold.
#[derive(Debug)]
pub(super) struct Scope {
    villages: Vec<VillageCode>,
    /// Cases that ended before this are out of scope.
    closed_after: i64,
}

impl Scope {
    pub(super) fn of(registries: &Registries, unit: &UnitId, now: Timestamp) -> Self {
        let villages = registries.unit(unit).map(|unit| unit.villages.clone()).unwrap_or_default();
        Self { villages, closed_after: now.0 - CLOSED_DAYS * 86_400_000 }
    }

    /// Whether a document is in scope, by its row in the read model.
    pub(super) fn contains(&self, tx: Tx<'_>, document: DocumentId) -> Result<bool> {
        let sql = match document.kind() {
            Some(Kind::Case) => "SELECT village, closed FROM case_row WHERE document = ?1",
            Some(Kind::Person) => "SELECT village, NULL FROM person_row WHERE document = ?1",
            Some(Kind::Visit) => "SELECT village, NULL FROM visit_row WHERE document = ?1",
            None => return Ok(false),
        };
        let row: Option<(Option<String>, Option<i64>)> = tx
            .prepare_cached(sql)?
            .query_row(params![document.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((village, closed)) = row else { return Ok(false) };
        Ok(closed.is_none_or(|at| at >= self.closed_after) && self.covers(village.as_deref()))
    }

    fn covers(&self, village: Option<&str>) -> bool {
        self.villages.is_empty()
            || village.is_none_or(|village| self.villages.iter().any(|covered| covered.as_str() == village))
    }

    /// The cases that a feed has entered and that ended too long ago.
    pub(super) fn expired(&self, tx: Tx<'_>, feed: i64) -> Result<Vec<DocumentId>> {
        let mut statement = tx.prepare_cached(
            "SELECT document FROM entered JOIN case_row USING (document)
             WHERE entered.feed = ?1 AND case_row.closed < ?2",
        )?;
        let rows = statement.query_map(params![feed, self.closed_after], |row| {
            let bytes: [u8; 16] = row.get(0)?;
            Ok(DocumentId(bytes))
        })?;
        rows.collect::<std::result::Result<_, _>>().map_err(StoreError::from)
    }
}
