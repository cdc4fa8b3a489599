//! Reading a batch: its signature, its entries, and the chain that they must lead to.

use super::IntakeError;
use crate::{
    document,
    id::{ChangeHash, PublicKey},
    identity::{self, Context, Signature},
    store::{Tx, log},
    wire::{
        batch::{Batch, BatchError, Chain, Entry, Hashed},
        pack::{PackError, Places},
    },
};

/// The entries of a batch: index, entry, and the hash of the change that it holds, if it holds one.
pub(in crate::sync) type Numbered = Vec<(u64, Entry, Option<ChangeHash>)>;

/// Verifies that the author of a batch has signed it.
pub(super) fn verify(batch: &Batch, key: &PublicKey, context: Context) -> Result<(), IntakeError> {
    let signature = Signature::try_from(batch.signature.as_slice()).map_err(|_| IntakeError::Signature)?;
    let message = Batch::signed_message(&batch.log, batch.last, batch.chain);
    identity::verify(*key, context, &message, &signature).map_err(|_| IntakeError::Signature)
}

/// Verifies that a batch, which reads alone, is as its author signed it; how many changes it holds.
pub(in crate::sync) fn proven(batch: &Batch, key: &PublicKey) -> Result<u64, IntakeError> {
    verify(batch, key, Context::LogHead)?;
    Ok(hashed(batch, log::read(batch))?.iter().filter(|(_, _, hash)| hash.is_some()).count() as u64)
}

/// The entries of a batch that is sound and names nothing outside itself; of others, which the store must help to read
/// or which are refused, `None`.
pub(in crate::sync) fn read_ahead(batch: &Batch) -> Option<Numbered> {
    let opened = batch.open().ok()?;
    if opened.references().ok()?.is_empty() {
        hashed(batch, log::read_opened(&opened, &Places::default())).ok()
    } else {
        None
    }
}

/// A batch with the places that it names, as far as they are held here, and its entries as [`hashed`] gives them.
pub(super) fn opened(tx: Tx<'_>, batch: &Batch) -> Result<(Batch, Numbered), IntakeError> {
    let opened = match batch.open() {
        Err(error) => return Err(refused(error)),
        Ok(opened) => opened,
    };
    let places = match (opened.references()?.as_slice(), log::find(tx, &batch.log.named())?) {
        ([], _) | (_, None) => Places::default(),
        (references, Some(named)) => log::find_places(tx, &named, references)?,
    };
    let entries = hashed(batch, log::read_opened(&opened, &places))?;
    Ok((Batch { places, ..batch.clone() }, entries))
}

/// Why a batch that cannot be read is refused: one that goes on from what is not here is had in another form, once its
/// writer has been told what is, and which dictionaries are known.
fn refused(error: BatchError) -> IntakeError {
    let elsewhere = matches!(
        error,
        BatchError::Pack(
            PackError::Reference { .. } | PackError::Lacking { .. } | PackError::Dictionary { .. }
        )
    );
    if elsewhere { IntakeError::Discontinuous } else { error.into() }
}

/// The entries of a batch with the hashes of their changes, proven to lead to the signed chain.
pub(super) fn hashed(batch: &Batch, read: Result<Hashed, BatchError>) -> Result<Numbered, IntakeError> {
    let mut chain: Chain = batch.before;
    let mut entries = Vec::new();
    for ((entry, known), index) in read.map_err(refused)?.into_iter().zip(batch.first..) {
        let hash = match (known, entry.change()) {
            (None, Some(change)) => Some(document::hash(change).map_err(|_| IntakeError::Build { index })?),
            (known, _) => known,
        };
        chain = chain.after(&entry, hash.as_ref());
        entries.push((index, entry, hash));
    }
    if chain == batch.chain { Ok(entries) } else { Err(IntakeError::Chain) }
}
