//! What is written reads back; what is damaged or too large is refused.

use super::*;
use crate::{
    change::{Object, Operation},
    id::{ActorId, Kind},
    time::Timestamp,
};

fn change(text: &str) -> Change {
    Change {
        actor: ActorId([3; 16]),
        sequence: 1,
        first_operation: 1,
        time: Timestamp(1_700_000_000_000),
        schema: 1,
        parents: vec![],
        operations: vec![Operation {
            object: Object::Root,
            key: Key::Map("name".into()),
            insert: false,
            action: Action::Put(Scalar::Str(text.into())),
            predecessors: vec![],
        }],
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of what names changes")]
fn name(change: &Change) -> Option<ChangeHash> {
    Some(ChangeHash(*blake3::hash(&row(change)).as_bytes()))
}

fn batch(entries: &[Entry], packed: bool) -> Batch {
    let hashed: Hashed = entries.iter().map(|entry| (entry.clone(), entry.change().and_then(name))).collect();
    let body = if packed {
        encode(&hashed, &Places::default(), &Packs::inside(pack::NEWEST))
    } else {
        encode_rows(entries)
    };
    let Body { codec, bytes, places, dictionary } = body;
    Batch {
        log: LogName { author: DeviceId(4), epoch: Epoch([9; 16]), reader: None },
        first: 1,
        last: entries.len() as u64,
        before: Chain::default(),
        chain: Chain([1; 16]),
        codec,
        body: bytes,
        signature: vec![0; 64],
        places,
        dictionary,
    }
}

fn entries() -> Vec<Entry> {
    let mut entries = vec![Entry::Actor { nonce: [3; 16] }];
    entries.extend((0..40).map(|n| Entry::Change {
        document: DocumentId::new([1; 10], Kind::Person, n),
        change: change(&format!("Ala'ang {n}")).into(),
    }));
    entries
}

#[test]
fn a_batch_reads_back_as_written_in_every_codec() {
    for (entries, packed, codec) in [
        (entries(), false, Codec::RowsZstd),
        (entries(), true, Codec::Pack),
        (vec![Entry::Actor { nonce: [3; 16] }], true, Codec::Rows),
    ] {
        let batch = batch(&entries, packed);
        assert_eq!((batch.codec, Codec::of_number(batch.codec.number())), (codec, Some(codec)));
        let read = Batch::of_bytes(&batch.to_bytes()).expect("reads");
        assert_eq!(read, batch);
        let plain: Vec<_> =
            read.entries(name).expect("decodes").into_iter().map(|(entry, _)| entry).collect();
        assert_eq!(plain, entries);
        let rows = read.rows(name).expect("has rows");
        assert!(rows.entry(entries.len()).is_err());
        for (position, entry) in entries.iter().enumerate() {
            assert_eq!(rows.entry(position).as_ref(), Ok(entry));
            assert!(entry.change().is_none() || bytes_at_most(entry) >= entry_bytes(entry));
        }
    }
}

#[test]
fn no_prefix_and_no_flipped_bit_panics() {
    for packed in [false, true] {
        let bytes = batch(&entries(), packed).to_bytes();
        for end in 0..bytes.len() {
            assert!(Batch::of_bytes(&bytes[..end]).is_err());
        }
        for at in 0..bytes.len() * 8 {
            let mut mutant = bytes.clone();
            mutant[at / 8] ^= 1 << (at % 8);
            if let Ok(batch) = Batch::of_bytes(&mutant) {
                drop(batch.entries(name));
            }
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_inflates() {
    let mut bomb = batch(&entries(), false);
    bomb.codec = Codec::RowsZstd;
    bomb.body = zstd::bulk::compress(&vec![0; BATCH_INFLATED_BYTES_MAX + 1], 19).expect("compresses");
    assert_eq!(bomb.entries(name), Err(BatchError::Malformed));
}

#[test]
fn the_chain_binds_kind_document_and_hash() {
    let entry =
        Entry::Change { document: DocumentId::new([1; 10], Kind::Person, 1), change: change("a").into() };
    let hash = ChangeHash([5; 32]);
    let chain = Chain::default().after(&entry, Some(&hash));
    let Entry::Change { document, .. } = entry.clone() else { unreachable!("made above") };
    assert_eq!(chain, Chain::default().after(&Entry::Erased { document, hash }, None));
    assert_ne!(chain, Chain::default().after(&entry, Some(&ChangeHash([6; 32]))));
}
