//! Letting changes out of quarantine: a person decided that they may count after all.

use super::{Replica, intake::Intake, intake::IntakeError};
use crate::{
    id::ChangeHash,
    store::{
        Result, StoreError,
        changes::{self, State},
    },
    time::Now,
};

impl Replica {
    /// Judges held changes anew, in the order given, and tells the laptops of what counts now. Returns how many
    /// count; the others are held again with the reason that the gate gives, or wait for a parent.
    ///
    /// # Errors
    /// The store fails.
    pub fn release(&mut self, now: Now, held: &[ChangeHash]) -> Result<u64> {
        let Self { store, station, registries, .. } = self;
        let counting = store.commit(|tx| {
            let mut intake = Intake::new(tx, station, registries, now)?;
            for hash in held {
                intake.release(hash).map_err(IntakeError::into_store)?;
            }
            let mut counting = 0;
            for hash in held {
                counting += u64::from(changes::find(tx, hash)?.is_some_and(|it| it.state == State::Applied));
            }
            Ok::<_, StoreError>(counting)
        })?;
        self.news(now);
        Ok(counting)
    }
}
