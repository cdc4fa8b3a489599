//! Reads bytes as a packed batch that another machine sent: two bytes with the length of what stands before it,
//! that, then the batch. It is refused, or each hash that it gives is that of its change.

use shared::{
    change::Change,
    document,
    id::ChangeHash,
    wire::{Batch, pack::Places},
};

/// Reads `data`.
pub(crate) fn read(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let Some((places, batch)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
        return;
    };
    let (Some(places), Ok(batch)) = (Places::of_bytes(places), Batch::of_bytes(batch)) else { return };
    let batch = Batch { places, ..batch };
    drop(batch.open().map(|opened| opened.references()));
    let Ok(entries) = batch.entries(hash) else { return };
    for (entry, known) in entries {
        let made = entry.change().and_then(hash);
        assert!(known.is_none() || known == made, "{known:?} is given for {made:?}");
    }
}

fn hash(change: &Change) -> Option<ChangeHash> {
    document::hash(change).ok()
}
