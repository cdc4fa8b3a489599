//! Slip numbers on emergency sheets: paper that is filled in by hand while the laptop cannot be used. They stay on
//! this laptop: what is entered from a sheet travels as any case does.

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Tx, damaged, id};
use crate::{
    id::{DocumentId, Epoch},
    slip::SlipNumber,
    time::Timestamp,
};

/// Sheets that are printed together, at most.
pub const SHEETS_MAX: u32 = 100;

/// An emergency sheet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sheet {
    /// Its number.
    pub slip: SlipNumber,
    /// The life of the database that reserved it.
    pub epoch: Epoch,
    /// When: the same for all that were printed together.
    pub at: Timestamp,
    /// The case that was entered from it.
    pub case: Option<DocumentId>,
}

const COLUMNS: &str = "SELECT slip, epoch, at, document FROM sheet";

fn sheet(row: &Row<'_>) -> rusqlite::Result<(String, Epoch, i64, Option<[u8; 16]>)> {
    Ok((row.get(0)?, id(row, 1)?, row.get(2)?, row.get(3)?))
}

fn sound((slip, epoch, at, case): (String, Epoch, i64, Option<[u8; 16]>)) -> Result<Sheet> {
    let slip = slip.parse().map_err(|_| damaged("sheet.slip"))?;
    Ok(Sheet { slip, epoch, at: Timestamp(at), case: case.map(DocumentId) })
}

/// Reserves a number, which was never given out.
///
/// # Errors
/// The store fails, or it was.
pub fn reserve(tx: Tx<'_>, slip: &SlipNumber, epoch: Epoch, at: Timestamp) -> Result<()> {
    tx.prepare_cached("INSERT INTO sheet (slip, epoch, at) VALUES (?1, ?2, ?3)")?.execute(params![
        slip.to_string(),
        epoch.0,
        at.0
    ])?;
    Ok(())
}

/// The sheet of a number, if that is on one.
///
/// # Errors
/// The store fails or is damaged.
pub fn find(tx: Tx<'_>, slip: &SlipNumber) -> Result<Option<Sheet>> {
    tx.prepare_cached(&format!("{COLUMNS} WHERE slip = ?1"))?
        .query_row([slip.to_string()], sheet)
        .optional()?
        .map(sound)
        .transpose()
}

/// Notes that a case was entered from a sheet, in the transaction that saves the case.
///
/// # Errors
/// The store fails.
pub fn set_entered(tx: Tx<'_>, slip: &SlipNumber, case: DocumentId) -> Result<()> {
    tx.prepare_cached("UPDATE sheet SET document = ?2 WHERE slip = ?1")?
        .execute(params![slip.to_string(), case.0])?;
    Ok(())
}

/// All sheets, those that were printed last first, then by number.
///
/// # Errors
/// The store fails or is damaged.
pub fn all(tx: Tx<'_>) -> Result<Vec<Sheet>> {
    let mut statement = tx.prepare_cached(&format!("{COLUMNS} ORDER BY at DESC, slip"))?;
    let rows = statement.query_map([], sheet)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(sound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::Kind,
        store::{Store, StoreError},
    };

    #[test]
    fn a_number_is_reserved_once_and_entered_once() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut store = Store::open(&folder.path().join("a")).expect("opens");
        let slip: SlipNumber = "53.02/V01A/20261121/0042-E".parse().expect("a number");
        let epoch = Epoch([7; 16]);
        let case = DocumentId::new([1; 10], Kind::Case, 1);
        store
            .commit(|tx| {
                assert_eq!(find(tx, &slip)?, None);
                reserve(tx, &slip, epoch, Timestamp(5))?;
                let next = slip.next().expect("there is one");
                reserve(tx, &next, epoch, Timestamp(6))?;
                assert_eq!(
                    all(tx)?.iter().map(|sheet| sheet.slip.clone()).collect::<Vec<_>>(),
                    [next, slip.clone()]
                );
                set_entered(tx, &slip, case)?;
                let known = Sheet { slip: slip.clone(), epoch, at: Timestamp(5), case: Some(case) };
                assert_eq!(find(tx, &slip)?, Some(known));
                Ok::<_, StoreError>(())
            })
            .expect("kept");
        let again = store.commit(|tx| reserve(tx, &slip, epoch, Timestamp(9)));
        assert!(again.is_err(), "a number on paper is never given twice");
    }
}
