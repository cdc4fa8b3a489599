//! The hub's receipts for files, each once: those that attachments here name, and those on their way home to others.

use rusqlite::params;

use super::{Result, Tx};
use crate::{id::ContentHash, wire::attachment::Receipt};

/// Receipts for others' files that a laptop brings home, at most.
const HOMEWARD_MAX: u64 = 1_000;

/// Keeps a receipt that was verified, once, whatever names it; its number.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, receipt: &Receipt) -> Result<i64> {
    let frame = minicbor::to_vec(receipt).expect("encoding into memory cannot fail");
    tx.prepare_cached("INSERT OR IGNORE INTO file_receipt (frame, homeward) VALUES (?1, 0)")?
        .execute([&frame])?;
    Ok(tx
        .prepare_cached("SELECT receipt FROM file_receipt WHERE frame = ?1")?
        .query_row([&frame], |row| row.get(0))?)
}

/// Notes which receipt is for a file that is known here.
///
/// # Errors
/// The store fails.
pub fn set(tx: Tx<'_>, hash: ContentHash, number: i64) -> Result<()> {
    tx.prepare_cached("UPDATE attachment SET receipt = ?2 WHERE hash = ?1")?
        .execute(params![hash.0, number])?;
    Ok(())
}

/// Brings a receipt home to others from now on, in place of the oldest where there are too many; whether that is new
/// here.
///
/// # Errors
/// The store fails.
pub fn bring_home(tx: Tx<'_>, number: i64) -> Result<bool> {
    let put = tx
        .prepare_cached("UPDATE file_receipt SET homeward = 1 WHERE receipt = ?1 AND homeward = 0")?
        .execute([number])?;
    let given_up = tx
        .prepare_cached(
            "UPDATE file_receipt SET homeward = 0 WHERE homeward = 1 AND receipt < (
                 SELECT min(receipt) FROM (
                     SELECT receipt FROM file_receipt WHERE homeward = 1 ORDER BY receipt DESC LIMIT ?1))",
        )?
        .execute([HOMEWARD_MAX])?;
    if given_up > 0 {
        tx.prepare_cached(
            "DELETE FROM file_receipt WHERE homeward = 0
               AND NOT EXISTS (SELECT 1 FROM attachment WHERE attachment.receipt = file_receipt.receipt)",
        )?
        .execute([])?;
    }
    Ok(put > 0)
}

/// The receipts for others' files that are brought home, the newest first.
///
/// # Errors
/// The store fails.
pub fn homeward(tx: Tx<'_>) -> Result<Vec<Receipt>> {
    read(tx, "homeward = 1 ORDER BY receipt DESC")
}

/// All of them, the newest first.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Receipt>> {
    read(tx, "true ORDER BY receipt DESC")
}

/// One that the disk has damaged is left out, so that it stops none of the others.
fn read(tx: Tx<'_>, condition: &str) -> Result<Vec<Receipt>> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT receipt, frame FROM file_receipt WHERE {condition}"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows = rows.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
    let readable = rows.into_iter().filter_map(|(number, frame)| {
        let receipt = minicbor::decode(&frame).ok();
        if receipt.is_none() {
            tracing::warn!(number, "leave out a receipt for files that is damaged");
        }
        receipt
    });
    Ok(readable.collect())
}

/// Forgets all of them; no attachment names one any more.
///
/// # Errors
/// The store fails.
pub(super) fn forget_all(tx: Tx<'_>) -> Result<()> {
    tx.execute("DELETE FROM file_receipt", [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::{
        id::{DeviceId, Epoch},
        store::{MIGRATIONS, Store, StoreError, attachment},
        time::Timestamp,
    };

    fn receipt(at: i64, hashes: Vec<ContentHash>) -> Receipt {
        let (hub_epoch, device) = (Epoch([1; 16]), DeviceId(2));
        Receipt { hub_epoch, device, hashes, at: Timestamp(at), signature: vec![4; 64] }
    }

    fn kept(tx: Tx<'_>) -> Result<u64> {
        Ok(tx.query_row("SELECT count(*) FROM file_receipt", [], |row| row.get(0))?)
    }

    #[test]
    fn a_receipt_is_kept_once_and_the_oldest_on_their_way_home_give_way() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let hashes: Vec<_> = (0..3).map(|n| ContentHash([n; 32])).collect();
        store
            .commit(|tx| {
                let own = put(tx, &receipt(0, hashes.clone()))?;
                for hash in &hashes {
                    attachment::put_own(tx, *hash, 7)?;
                    set(tx, *hash, own)?;
                }
                assert_eq!((put(tx, &receipt(0, hashes.clone()))?, kept(tx)?), (own, 1));
                assert_eq!(homeward(tx)?, []);
                assert!(bring_home(tx, own)? && !bring_home(tx, own)?);
                for at in 1..=HOMEWARD_MAX as i64 + 1 {
                    let number = put(tx, &receipt(at, Vec::new()))?;
                    assert!(bring_home(tx, number)?);
                }
                let left = homeward(tx)?;
                assert_eq!(left.len() as u64, HOMEWARD_MAX);
                assert_eq!(left.first(), Some(&receipt(HOMEWARD_MAX as i64 + 1, Vec::new())));
                assert_eq!(kept(tx)?, HOMEWARD_MAX + 1, "what an attachment names stays");
                Ok::<_, StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn a_receipt_that_the_disk_has_damaged_is_left_out_and_stops_no_other() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let sound = receipt(2, Vec::new());
        store
            .commit(|tx| {
                for receipt in [&receipt(1, Vec::new()), &sound] {
                    let number = put(tx, receipt)?;
                    bring_home(tx, number)?;
                }
                tx.execute("UPDATE file_receipt SET frame = x'ff' WHERE receipt = 1", [])?;
                assert_eq!((homeward(tx)?, all(tx)?), (vec![sound.clone()], vec![sound.clone()]));
                Ok::<_, StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn receipts_of_an_older_file_are_carried_over_each_once() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keliling.db");
        let before = MIGRATIONS.iter().position(|migration| migration.contains("CREATE TABLE file_receipt"));
        let before = before.expect("the migration that keeps each once");
        let connection = Connection::open(&path).expect("opens");
        for migration in &MIGRATIONS[..before] {
            connection.execute_batch(migration).expect("migrates");
        }
        connection.pragma_update(None, "user_version", before as u32).expect("sets");
        let frame = |receipt: &Receipt| minicbor::to_vec(receipt).expect("encodes");
        let (own, home) = (receipt(1, vec![ContentHash([1; 32])]), receipt(2, Vec::new()));
        for (hash, frame) in [([1_u8; 32], Some(frame(&own))), ([2; 32], Some(frame(&own))), ([3; 32], None)]
        {
            let insert = "INSERT INTO attachment (hash, size, held, whole, own, wanted, receipt) \
                          VALUES (?1, 7, 7, 1, 1, 0, ?2)";
            connection.execute(insert, params![hash, frame]).expect("inserts");
        }
        let insert = "INSERT INTO attachment (hash, size, held, whole, own, wanted, carried) \
                      VALUES (?1, 7, 0, 0, ?2, 1, 1)";
        for (hash, own) in [([4_u8; 32], 0), ([5; 32], 1)] {
            connection.execute(insert, params![hash, own]).expect("inserts");
        }
        connection.execute("INSERT INTO homeward_file (frame) VALUES (?1)", [frame(&home)]).expect("inserts");
        let insert = "INSERT INTO case_row (document, slip, service, state, unit, accepted, conflict, detail, question) \
                      VALUES (?1, '', '', 'received', 'V01', 0, 0, '{}', ?2)";
        for (document, question) in [([1_u8; 16], Some("open")), ([2; 16], None)] {
            connection.execute(insert, params![document, question]).expect("inserts");
        }
        drop(connection);
        let store = Store::open(&path).expect("opens");
        let tx = store.reader();
        let stale = tx.query_row("SELECT document FROM stale", [], |row| row.get::<_, [u8; 16]>(0));
        assert_eq!(stale, Ok([1; 16]), "its question is worked out anew");
        assert_eq!((kept(tx).expect("counts"), homeward(tx).expect("reads")), (2, vec![home]));
        let receipted = [1, 2, 3].map(|hash| {
            let known = attachment::find(tx, ContentHash([hash; 32])).expect("reads");
            known.expect("it is there").receipted
        });
        assert_eq!(receipted, [true, true, false]);
        let refused = [3, 4, 5].map(|hash| {
            let known = attachment::find(tx, ContentHash([hash; 32])).expect("reads");
            known.expect("it is there").refused
        });
        assert_eq!(refused, [None, Some(attachment::Refused::Damaged), None]);
    }
}
