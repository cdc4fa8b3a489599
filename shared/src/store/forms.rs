//! What an officer has typed and not saved yet. It stays on this laptop: a form is neither a document nor a case
//! and has no slip number, and it outlives a crash of the program and a closed lid.

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Tx};
use crate::time::Timestamp;

/// Bytes of the fields of a form, at most.
pub const FORM_BYTES_MAX: usize = 64 << 10;

/// How long a saved form is remembered, in milliseconds: a second press of the button comes at once.
const REMEMBERED_MILLISECONDS: i64 = 48 * 3_600 * 1_000;

/// A half-typed form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// 16 hexadecimal digits.
    pub id: String,
    /// When it was begun.
    pub began: Timestamp,
    /// A JSON object: the texts of each field.
    pub fields: String,
}

fn form(row: &Row<'_>) -> rusqlite::Result<Form> {
    Ok(Form { id: row.get(0)?, began: Timestamp(row.get(1)?), fields: row.get(2)? })
}

/// Keeps what was typed, in place of what was typed before; the time of its beginning stays. One that is saved
/// already stays saved.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, form: &Form) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO form (id, began, fields) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET fields = ?3 WHERE cases IS NULL",
    )?
    .execute(params![form.id, form.began.0, form.fields])?;
    Ok(())
}

/// One form.
///
/// # Errors
/// The store fails.
pub fn get(tx: Tx<'_>, id: &str) -> Result<Option<Form>> {
    Ok(tx
        .prepare_cached("SELECT id, began, fields FROM form WHERE id = ?1 AND cases IS NULL")?
        .query_row([id], form)
        .optional()?)
}

/// All forms, the newest first.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Form>> {
    let mut statement =
        tx.prepare_cached("SELECT id, began, fields FROM form WHERE cases IS NULL ORDER BY began DESC, id")?;
    let rows = statement.query_map([], form)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many forms there are.
///
/// # Errors
/// The store fails.
pub fn count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx.prepare_cached("SELECT count(*) FROM form WHERE cases IS NULL")?.query_row([], |row| row.get(0))?)
}

/// Notes that a form was saved as `cases`, in the transaction that saves them; older ones are forgotten.
///
/// # Errors
/// The store fails.
pub fn set_saved(tx: Tx<'_>, form: &Form, cases: &str) -> Result<()> {
    tx.prepare_cached("DELETE FROM form WHERE cases IS NOT NULL AND began < ?1")?
        .execute([form.began.0.saturating_sub(REMEMBERED_MILLISECONDS)])?;
    tx.prepare_cached("INSERT OR REPLACE INTO form (id, began, fields, cases) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![form.id, form.began.0, form.fields, cases])?;
    Ok(())
}

/// What a form was saved as, with what stood in it; `None` of one that is not saved.
///
/// # Errors
/// The store fails.
pub fn saved(tx: Tx<'_>, id: &str) -> Result<Option<(String, String)>> {
    Ok(tx
        .prepare_cached("SELECT fields, cases FROM form WHERE id = ?1 AND cases IS NOT NULL")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Forgets a form; whether there was one.
///
/// # Errors
/// The store fails.
pub fn forget(tx: Tx<'_>, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("DELETE FROM form WHERE id = ?1")?.execute([id])? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreError};

    #[test]
    fn a_form_is_kept_as_typed_last_from_when_it_was_begun() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut store = Store::open(&folder.path().join("a")).expect("opens");
        let typed = |began: i64, fields: &str| Form {
            id: "00112233aabbccdd".to_owned(),
            began: Timestamp(began),
            fields: fields.to_owned(),
        };
        store
            .commit(|tx| {
                put(tx, &typed(1, "{}"))?;
                put(tx, &typed(2, r#"{"name":["O'a"]}"#))?;
                assert_eq!(all(tx)?, [typed(1, r#"{"name":["O'a"]}"#)]);
                assert_eq!(get(tx, "00112233aabbccdd")?.map(|form| form.began), Some(Timestamp(1)));
                assert!(forget(tx, "00112233aabbccdd")? && !forget(tx, "00112233aabbccdd")?);
                assert_eq!(count(tx)?, 0);
                set_saved(tx, &typed(3, "{}"), "a,b")?;
                put(tx, &typed(4, r#"{"name":["late"]}"#))?;
                assert_eq!((count(tx)?, get(tx, "00112233aabbccdd")?), (0, None));
                assert_eq!(saved(tx, "00112233aabbccdd")?, Some(("{}".to_owned(), "a,b".to_owned())));
                Ok::<_, StoreError>(())
            })
            .expect("kept");
    }
}
