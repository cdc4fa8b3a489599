//! Which documents a device holds: decided by the hub alone.
//!
//! Cases of the villages assigned to the device's unit, with their people and visits, and the people and visits
//! of those villages; all villages until some are assigned; cases that ended within [`CLOSED_DAYS`] days; what
//! the device made itself.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use crate::{
    id::{DeviceId, DocumentId, Kind, UnitId, VillageCode},
    registry::Registries,
    store::{Result, StoreError, Tx, read_model},
    time::Timestamp,
};

/// Days that a case stays in scope after it ended.
pub(super) const CLOSED_DAYS: i64 = 14;

/// What a unit's devices hold.
#[derive(Debug)]
pub(super) struct Scope {
    device: DeviceId,
    /// The villages assigned, and the same as a JSON list; `None` where all are.
    villages: Option<(BTreeSet<VillageCode>, String)>,
    /// Cases that ended before this are out of scope.
    closed_after: i64,
}

/// Whom a document may concern, asked once for the feeds of many devices.
#[derive(Debug)]
pub(super) enum Audience {
    /// Any device.
    Everyone,
    /// Devices to whose units one of these villages is assigned.
    Villages(BTreeSet<VillageCode>),
}

impl Audience {
    /// The audience of a document by its row in the read model and those of the cases that name it.
    pub(super) fn of(tx: Tx<'_>, document: DocumentId) -> Result<Self> {
        let villages = read_model::villages_of(tx, document)?;
        let known: Option<BTreeSet<_>> = villages.into_iter().collect();
        Ok(known.map_or(Self::Everyone, Self::Villages))
    }
}

/// Whether a village is assigned; a document without one is everybody's.
const COVERED: &str = "(?2 IS NULL OR village IS NULL OR village IN (SELECT value FROM json_each(?2)))";
/// Whether a case ended too long ago.
const ENDED: &str = "coalesce(closed < ?3, 0)";
/// Whether the device made a document. Without the plus, SQLite walks through all that the device ever wrote.
const MADE: &str = "EXISTS (SELECT 1 FROM change WHERE change.document = ?1 AND root = 1 AND +author = ?4)";

impl Scope {
    pub(super) fn of(registries: &Registries, unit: &UnitId, device: DeviceId, now: Timestamp) -> Self {
        let villages: &[VillageCode] = registries.unit(unit).map_or(&[], |unit| &unit.villages);
        let list = serde_json::to_string(villages).expect("codes are text");
        let villages = (!villages.is_empty()).then(|| (villages.iter().cloned().collect(), list));
        Self { device, villages, closed_after: now.0 - CLOSED_DAYS * 86_400_000 }
    }

    /// Whether a new document may be in scope, for all that is known of whom it concerns.
    pub(super) fn may_contain(&self, audience: &Audience) -> bool {
        match (&self.villages, audience) {
            (None, _) | (_, Audience::Everyone) => true,
            (Some((assigned, _)), Audience::Villages(villages)) => {
                villages.iter().any(|village| assigned.contains(village))
            }
        }
    }

    /// Whether a document is in scope, by its row in the read model.
    pub(super) fn contains(&self, tx: Tx<'_>, document: DocumentId) -> Result<bool> {
        let (table, named) = match document.kind() {
            Some(Kind::Case) => ("case_row", None),
            Some(Kind::Person) => ("person_row", Some("(applicant = ?1 OR subject = ?1)")),
            Some(Kind::Visit) => ("visit_row", Some("visit = ?1")),
            None => return Ok(false),
        };
        let sql = match named {
            None => format!("SELECT ({COVERED} OR {MADE}) AND NOT {ENDED} FROM {table} WHERE document = ?1"),
            Some(named) => format!(
                "SELECT {COVERED} OR {MADE}
                        OR EXISTS (SELECT 1 FROM case_row WHERE {named} AND {COVERED} AND NOT {ENDED})
                 FROM {table} WHERE document = ?1"
            ),
        };
        let found = tx
            .prepare_cached(&sql)?
            .query_row(
                params![
                    document.0,
                    self.villages.as_ref().map(|(_, list)| list),
                    self.closed_after,
                    self.device.0
                ],
                |row| row.get(0),
            )
            .optional()?;
        Ok(found.unwrap_or(false))
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
