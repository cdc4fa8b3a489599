//! Dictionaries of packed batches that an operator brings.

use std::{fs::File, io::Read as _, path::Path};

use serde_json::{Value, json};
use shared::{
    store::dictionaries::{self, GENERATIONS, Kept},
    sync::dictionary::AddDictionaryError,
    time::Now,
    wire::pack::{DICTIONARY_BYTES_MAX, DictionaryName},
};
use van_agent::host::output::Failure;

use super::Hub;

impl Hub {
    /// Takes a dictionary as the newest.
    pub(super) fn add_dictionary(&mut self, now: Now, path: &Path) -> anyhow::Result<Value> {
        let file = read(path).map_err(|error| {
            Failure::new(format!("{} cannot be read: {error}", path.display())).next("check the path")
        })?;
        let new = self.replica.add_dictionary(now, &file).map_err(|error| match error {
            AddDictionaryError::Store(error) => anyhow::Error::new(error),
            error @ AddDictionaryError::Dictionary(_) => Failure::new(error.to_string())
                .next("train one with scripts/dictionary; nothing has changed")
                .into(),
        })?;
        let name = DictionaryName::of_file(&file);
        Ok(json!({ "name": name.to_string(), "bytes": file.len(), "new": new }))
    }

    /// Tells every dictionary that was added.
    pub(super) fn tell_dictionaries(&self, tell: &mut dyn FnMut(Value) -> bool) -> anyhow::Result<Value> {
        let all = dictionaries::all(self.replica.store().reader())?;
        for (at, Kept { name, hash, bytes, at: since, batches }) in all.into_iter().enumerate() {
            tell(json!({
                "name": name.to_string(),
                "hash": hash.to_string(),
                "bytes": bytes,
                "since": since,
                "batches": batches,
                "written_with": at < GENERATIONS,
            }));
        }
        Ok(Value::Null)
    }
}

/// The bytes of a file, one more than allowed at most.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(DICTIONARY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
