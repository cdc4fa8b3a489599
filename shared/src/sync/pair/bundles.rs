//! What laptops carry for each other, by bundles and to the hub.

use super::{Pair, record};
use crate::{
    id::{DeviceId, Epoch, PublicKey},
    identity::{self, Context, Key},
    store::{carried, devices::Standing, log, notes, quarantine, read_model},
    sync::{
        Channel,
        bundle::{Bundle, BundleError, For, ImportError, Imported, Part},
        custody::{self, Custody, Place},
        examine,
    },
    wire::Batch,
};

impl Pair {
    fn custody(&mut self, van: usize) -> Custody {
        let device = self.vans[van].station().device();
        custody::count(self.vans[van].read().expect("reads"), device).expect("counts")
    }

    /// Gives a bundle of one laptop to another.
    fn give(&mut self, from: usize, to: usize) -> Imported {
        let bundle = self.vans[from].export_bundle(self.now, For::Anyone).expect("exports").bytes;
        self.vans[to].import_bundle(self.now, &bundle).expect("imports")
    }

    fn bundle(&mut self, van: usize) -> Vec<u8> {
        self.vans[van].export_bundle(self.now, For::Anyone).expect("exports").bytes
    }

    /// Why the hub did not take what a laptop carries.
    fn refusals(&self, van: usize) -> Vec<String> {
        let all = carried::all(self.vans[van].store().reader()).expect("reads");
        all.into_iter().filter_map(|carried| carried.refused).collect()
    }

    /// Bytes of batches that a laptop sends in one exchange.
    fn batch_bytes(&mut self, van: usize) -> usize {
        let mut sent = 0;
        let settled = self.exchange_until(van, usize::MAX, &mut |channel, bytes| {
            sent += if channel == Channel::Batch { bytes.len() } else { 0 };
        });
        assert!(settled);
        sent
    }

    fn cases_at_hub(&mut self) -> u64 {
        read_model::case_count(self.hub.read().expect("reads")).expect("counts")
    }

    fn told(&mut self, vans: usize) {
        (0..vans).for_each(|van| assert!(self.exchange(van)));
    }
}

/// Somebody's case, and a laptop that carries it.
fn carried_once() -> (Pair, usize, usize) {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    pair.told(2);
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    pair.give(author, carrier);
    (pair, author, carrier)
}

#[test]
fn what_another_laptop_carries_is_carried_then_at_the_hub_and_the_receipt_comes_home() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    pair.told(2);
    let cases: Vec<_> = (1..=3).map(|n| record(&mut pair.vans[author], pair.now, "Ala'ang", n)).collect();
    let given = pair.give(author, carrier);
    assert_eq!((given.changes, given.refused.len()), (6, 0), "{given:?}");
    assert_eq!(pair.custody(author).on_laptop, 3, "nobody has signed yet");
    assert!(!pair.custody(carrier).safe_to_wipe);
    assert_eq!(pair.custody(carrier).for_others, 6);

    assert_eq!(pair.give(carrier, author).notes, 1);
    let custody = pair.custody(author);
    assert_eq!((custody.on_laptop, custody.carried, custody.at_hub, custody.safe_to_wipe), (0, 3, 0, false));
    assert_eq!((custody.unsent, custody.under_way), (0, 6));
    let device = pair.vans[author].station().device();
    let place = custody::of_case(pair.vans[author].read().expect("reads"), device, cases[0]);
    assert_eq!(place.expect("reads"), Some(Place::Carried));
    let later = record(&mut pair.vans[author], pair.now, "Seran", 4);
    assert_eq!((pair.custody(author).on_laptop, pair.custody(author).carried), (1, 3));

    assert!(pair.exchange(carrier));
    assert_eq!(pair.cases_at_hub(), 3);
    assert!(pair.custody(carrier).safe_to_wipe, "the hub holds it");
    let home = pair.give(carrier, author);
    assert_eq!((home.receipted, home.refused.len()), (6, 0), "{home:?}");
    assert_eq!((pair.custody(author).on_laptop, pair.custody(author).at_hub), (1, 3));
    assert!(pair.exchange(author), "what is left goes its own way");
    assert_eq!(pair.cases_at_hub(), 4);
    assert!(pair.custody(author).safe_to_wipe);
    assert!(read_model::case_of(pair.hub.read().expect("reads"), later).expect("reads").is_some());
    pair.told(2);
}

#[test]
fn a_stick_works_at_the_hub_too_and_again_and_again() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    pair.told(2);
    for n in 1..=2 {
        record(&mut pair.vans[author], pair.now, "Nahak", n);
    }
    pair.give(author, carrier);
    let stick = pair.vans[author].export_bundle(pair.now, For::Anyone).expect("exports").bytes;
    let first = pair.hub.import_bundle(pair.now, &stick).expect("imports");
    let again = pair.hub.import_bundle(pair.now, &stick).expect("imports");
    assert_eq!((first.changes, again.changes, again.known), (4, 0, 1), "{again:?}");
    assert_eq!(pair.cases_at_hub(), 2);

    let unit = "V01".parse().expect("valid");
    let home = pair.hub.export_receipts(pair.now, Some(&unit)).expect("exports");
    assert_eq!(home.receipts, 1);
    let taken = pair.vans[author].import_bundle(pair.now, &home.bytes).expect("imports");
    assert_eq!(taken.receipted, 4);
    assert!(pair.custody(author).safe_to_wipe);
    let passing = pair.vans[carrier].import_bundle(pair.now, &home.bytes).expect("imports");
    assert_eq!(passing.homeward, 1);
    assert!(pair.custody(carrier).safe_to_wipe, "the receipt proves what it carried");
    pair.told(2);
}

/// The disk of `carrier` spoils what it carries for `author`.
fn spoil(pair: &mut Pair, author: usize, carrier: usize) {
    let device = pair.vans[author].station().device();
    pair.vans[carrier]
        .keep(|tx, _| {
            let all = carried::all(tx)?;
            let found = all.iter().find(|carried| carried.log.author == device).expect("carried");
            let mut batch = Batch::of_bytes(&carried::bytes(tx, found)?.expect("whole")).expect("reads");
            batch.signature[0] ^= 1;
            tx.execute(
                "UPDATE carried SET bytes = ?1 WHERE author = ?2",
                rusqlite::params![batch.to_bytes(), device.0],
            )?;
            Ok::<_, crate::store::StoreError>(())
        })
        .expect("spoils");
}

#[test]
fn what_the_carriers_disk_has_spoilt_is_mended_before_any_contact() {
    let (mut pair, author, carrier) = carried_once();
    spoil(&mut pair, author, carrier);
    assert_eq!(pair.give(author, carrier).changes, 2, "the author's bundle mends it");
    let registries = pair.vans[carrier].registries().clone();
    assert_eq!(examine::carried(pair.vans[carrier].store().reader(), &registries).expect("reads"), []);
    assert!(pair.exchange(carrier));
    assert_eq!(pair.cases_at_hub(), 1);
}

#[test]
fn a_batch_that_the_carriers_disk_has_spoilt_stops_nothing_else() {
    let mut pair = Pair::new();
    let (author, other, carrier) = (pair.enrol(), pair.enrol(), pair.enrol());
    pair.told(3);
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    record(&mut pair.vans[other], pair.now, "Seran", 1);
    pair.give(author, carrier);
    pair.give(other, carrier);
    record(&mut pair.vans[carrier], pair.now, "Bria", 1);
    let device = pair.vans[author].station().device();
    spoil(&mut pair, author, carrier);
    assert!(pair.exchange(carrier));
    assert_eq!(pair.cases_at_hub(), 2, "the carrier's own and the other one's");
    assert_eq!(pair.refusals(carrier), [carried::DAMAGED]);
    assert_eq!((pair.custody(carrier).for_others, pair.custody(carrier).for_others_refused), (2, 2));
    assert!(!pair.custody(carrier).safe_to_wipe);
    assert_eq!(
        quarantine::debris(pair.hub.store().reader()).expect("reads").len(),
        0,
        "it was not even offered"
    );
    let registries = pair.vans[carrier].registries().clone();
    let faults = examine::carried(pair.vans[carrier].store().reader(), &registries).expect("reads");
    assert_eq!(faults.iter().map(|fault| fault.author).collect::<Vec<_>>(), [device]);
    let parts = Bundle::of_bytes(&pair.bundle(carrier)).expect("reads").parts;
    assert!(parts.iter().all(|part| matches!(part, Part::Receipt(_))), "nothing is signed for it: {parts:?}");
    assert_eq!(pair.give(author, carrier).changes, 2, "the author's bundle mends it");
    assert_eq!(pair.refusals(carrier).len(), 0);
    let faults = examine::carried(pair.vans[carrier].store().reader(), &registries).expect("reads");
    assert_eq!(faults, []);
    pair.told(3);
    assert_eq!(pair.cases_at_hub(), 3);
    assert!(pair.custody(carrier).safe_to_wipe);
}

#[test]
fn what_was_carried_for_a_revoked_laptop_is_for_a_person_to_judge() {
    let (mut pair, author, carrier) = carried_once();
    let device = pair.vans[author].station().device();
    pair.hub.set_standing(pair.now, device, Standing::Revoked).expect("stores");
    assert!(pair.exchange(carrier));
    assert_eq!(pair.cases_at_hub(), 0);
    assert_eq!(quarantine::count(pair.hub.store().reader()).expect("counts"), 2);
    assert!(pair.custody(carrier).safe_to_wipe);
    let bundle = pair.vans[author].export_bundle(pair.now, For::Anyone).expect("exports").bytes;
    assert!(pair.vans[carrier].import_bundle(pair.now, &bundle).is_err(), "the carrier has heard of it");
}

#[test]
fn parts_that_others_signed_for_themselves_are_not_believed() {
    let mut pair = Pair::new();
    let (author, liar) = (pair.enrol(), pair.enrol());
    pair.told(2);
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    let bundle = pair.vans[author].export_bundle(pair.now, For::Anyone).expect("exports").bytes;
    pair.vans[liar].import_bundle(pair.now, &bundle).expect("imports");
    let key = Key::from_seed(*pair.vans[liar].station().key.seed());
    let wrap = |pair: &Pair, parts: Vec<Part>| {
        let bytes = pair.vans[liar].station().place.clone().expect("enrolled");
        let head = crate::sync::bundle::Head {
            maker: bytes.device,
            key: key.public(),
            district: bytes.district,
            at: pair.now.wall,
            life: None,
        };
        Bundle { head, parts }.to_bytes(&key)
    };
    // A note over more than there is, one of another carrier, a receipt of its own, a batch with another's name.
    let made = pair.vans[liar].export_bundle(pair.now, For::Anyone).expect("exports").bytes;
    let parts = Bundle::of_bytes(&made).expect("reads").parts;
    let Some(Part::Note(note)) = parts.iter().find(|part| matches!(part, Part::Note(_))).cloned() else {
        panic!("it carries something")
    };
    let sign = |note: &mut crate::wire::frame::Note| {
        note.signature = key.sign(Context::Custody, &note.signed_message()).0.to_vec();
    };
    let mut more = note.clone();
    more.cursor.index += 1;
    sign(&mut more);
    let mut foreign = note.clone();
    foreign.carrier = pair.hub.station().device();
    sign(&mut foreign);
    let own_head = log::find(pair.vans[author].store().reader(), &pair.vans[author].station().log());
    let mut receipt = crate::wire::frame::Receipt {
        hub_epoch: pair.hub.station().epoch,
        device: note.author,
        epoch: note.epoch,
        cursor: own_head.expect("reads").expect("a log").head,
        backed_up_through: 0,
        at: pair.now.wall,
        signature: Vec::new(),
    };
    receipt.signature = key.sign(Context::Receipt, &receipt.signed_message()).0.to_vec();
    for part in [Part::Note(more), Part::Note(foreign), Part::Receipt(receipt)] {
        let bytes = wrap(&pair, vec![part.clone()]);
        let taken = pair.vans[author].import_bundle(pair.now, &bytes).expect("reads");
        assert_eq!((taken.refused.len(), taken.notes, taken.receipted), (1, 0, 0), "{part:?}");
    }
    assert_eq!(pair.custody(author).on_laptop, 1);
    let Some(Part::Batch(batch)) = parts.into_iter().find(|part| matches!(part, Part::Batch(_))) else {
        panic!("it carries something")
    };
    let mut forged = Batch::of_bytes(&batch).expect("reads");
    forged.signature =
        key.sign(Context::LogHead, &Batch::signed_message(&forged.log, forged.last, forged.chain)).0.to_vec();
    let bytes = wrap(&pair, vec![Part::Batch(forged.to_bytes())]);
    assert_eq!(pair.hub.import_bundle(pair.now, &bytes).expect("reads").refused.len(), 1);
    assert_eq!(pair.cases_at_hub(), 0);
    assert_eq!(pair.hub.verify_bundle(&bytes).expect("reads").1.len(), 1);
    let stranger = Key::from_seed([99; 32]);
    let mut head = Bundle::of_bytes(&made).expect("reads").head;
    head.key = stranger.public();
    let bytes = Bundle { head, parts: Vec::new() }.to_bytes(&stranger);
    assert!(pair.vans[author].import_bundle(pair.now, &bytes).is_err(), "a key that is nobody's");
}

#[test]
fn what_an_earlier_life_of_the_hub_proved_goes_on_being_carried() {
    let (mut pair, author, carrier) = carried_once();
    let own = pair.vans[author].station().log();
    let end = log::find(pair.vans[author].store().reader(), &own).expect("reads").expect("a log").head;
    let key = Key::from_seed(*pair.hub.station().key.seed());
    let stick = |hub_epoch| {
        let mut receipt = crate::wire::frame::Receipt {
            hub_epoch,
            device: own.author,
            epoch: own.epoch,
            cursor: end,
            backed_up_through: 0,
            at: pair.now.wall,
            signature: Vec::new(),
        };
        receipt.signature = key.sign(Context::Receipt, &receipt.signed_message()).0.to_vec();
        let district = pair.hub.station().place.clone().expect("set up").district;
        let head = crate::sync::bundle::Head {
            maker: DeviceId::HUB,
            key: key.public(),
            district,
            at: pair.now.wall,
            life: None,
        };
        Bundle { head, parts: vec![Part::Receipt(receipt)] }.to_bytes(&key)
    };
    let (earlier, present) = (stick(Epoch([7; 16])), stick(pair.hub.station().epoch));
    let taken = pair.vans[carrier].import_bundle(pair.now, &earlier).expect("reads");
    assert_eq!((taken.homeward, taken.refused.len()), (0, 1), "{taken:?}");
    assert_eq!(pair.custody(carrier).for_others, 2);
    let taken = pair.vans[carrier].import_bundle(pair.now, &present).expect("reads");
    assert_eq!((taken.homeward, taken.refused.len()), (1, 0), "{taken:?}");
    assert_eq!(pair.custody(carrier).for_others, 0);
}

#[test]
fn a_bundle_of_real_records_with_any_byte_changed_is_refused() {
    let mut pair = Pair::new();
    let author = pair.enrol();
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    let bytes = pair.vans[author].export_bundle(pair.now, For::Anyone).expect("exports").bytes;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(pair.hub.import_bundle(pair.now, &changed).is_err(), "byte {at}");
    }
    assert_eq!(pair.cases_at_hub(), 0);
    assert!(matches!(Bundle::of_bytes(&bytes[..40]), Err(BundleError::CutShort { bytes: 40 })));
}

#[test]
fn a_note_is_signed_by_its_carrier() {
    let (mut pair, author, carrier) = carried_once();
    pair.give(carrier, author);
    let epoch = pair.vans[author].station().epoch;
    let notes = notes::of_life(pair.vans[author].store().reader(), epoch).expect("reads");
    let key: PublicKey = pair.vans[carrier].station().key.public();
    let signature = notes[0].signature.as_slice().try_into().expect("64 bytes");
    assert_eq!(identity::verify(key, Context::Custody, &notes[0].signed_message(), &signature), Ok(()));
}

#[test]
fn what_the_hub_does_not_take_is_not_offered_at_each_contact() {
    let (mut pair, author, carrier) = carried_once();
    let device = pair.vans[author].station().device();
    pair.hub.set_standing(pair.now, device, Standing::Suspended).expect("stores");
    assert!(pair.batch_bytes(carrier) > 0);
    assert_eq!(pair.refusals(carrier).len(), 1, "named with its reason");
    assert_eq!(pair.custody(carrier).for_others_refused, 2);
    assert_eq!(pair.batch_bytes(carrier), 0, "nothing has changed");
    pair.now.wall.0 += 25 * 60 * 60 * 1_000;
    assert!(pair.batch_bytes(carrier) > 0, "a day later it is tried again");
    assert_eq!(pair.batch_bytes(carrier), 0);
    pair.hub.set_standing(pair.now, device, Standing::Active).expect("stores");
    assert!(pair.batch_bytes(carrier) > 0, "the hub has told that the laptop may connect");
    assert_eq!((pair.custody(carrier).for_others, pair.cases_at_hub()), (0, 1));
}

#[test]
fn what_waits_for_an_earlier_part_is_offered_again_once_that_is_there() {
    let mut pair = Pair::new();
    let (author, one, carrier) = (pair.enrol(), pair.enrol(), pair.enrol());
    pair.told(3);
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    let first = pair.bundle(author);
    record(&mut pair.vans[author], pair.now, "Seran", 2);
    let greeting = {
        pair.vans[one].import_bundle(pair.now, &first).expect("imports");
        pair.vans[one].greeting(1).expect("reads")
    };
    let reader = pair.vans[one].station().device();
    let second = pair.vans[author].export_bundle(pair.now, For::Guest(reader, &greeting)).expect("exports");
    pair.vans[carrier].import_bundle(pair.now, &second.bytes).expect("imports");
    assert!(pair.exchange(carrier));
    assert_eq!((pair.refusals(carrier).len(), pair.cases_at_hub()), (1, 0));
    pair.vans[carrier].import_bundle(pair.now, &first).expect("imports");
    assert!(pair.exchange(carrier));
    assert_eq!((pair.refusals(carrier).len(), pair.cases_at_hub()), (0, 2), "in one exchange");
    assert!(pair.custody(carrier).safe_to_wipe);
}

#[test]
fn a_bundle_that_another_made_than_gives_it_is_taken_by_nobody() {
    let mut pair = Pair::new();
    let (author, carrier, liar) = (pair.enrol(), pair.enrol(), pair.enrol());
    pair.told(3);
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    let bundle = Bundle::of_bytes(&pair.bundle(author)).expect("reads");
    let giver = pair.vans[liar].station().device();
    let begun = pair.vans[carrier].begin_import(&bundle.head, Some(giver));
    assert!(matches!(begun, Err(ImportError::Giver { .. })), "{begun:?}");
    assert_eq!(pair.custody(carrier).for_others, 0);
}

#[test]
fn receipts_leave_who_brings_them_once_they_are_home_and_those_of_ended_lives_at_once() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    pair.told(2);
    let homeward = |pair: &Pair| carried::homeward(pair.vans[carrier].store().reader()).expect("reads").len();
    record(&mut pair.vans[author], pair.now, "Nahak", 1);
    pair.give(author, carrier);
    pair.give(carrier, author);
    pair.told(2);
    let notes = |pair: &Pair| {
        let station = pair.vans[author].station();
        notes::of_life(pair.vans[author].store().reader(), station.epoch).expect("reads").len()
    };
    assert_eq!(notes(&pair), 0, "a receipt covers what the note is about");
    assert_eq!(homeward(&pair), 1, "nobody has said that it is there");
    let greeting = pair.vans[author].greeting(1).expect("reads");
    let guest = pair.vans[author].station().device();
    let farewell =
        pair.vans[carrier].export_bundle(pair.now, For::Farewell(guest, &greeting)).expect("exports");
    assert_eq!(farewell.receipts, 0, "the guest has it");
    pair.vans[carrier].greeted(guest, &greeting).expect("stores");
    assert_eq!(homeward(&pair), 0);

    record(&mut pair.vans[author], pair.now, "Seran", 2);
    pair.give(author, carrier);
    pair.told(1 + carrier);
    assert_eq!(homeward(&pair), 1);
    pair.give(author, carrier);
    assert_eq!(homeward(&pair), 0, "the author's own bundle proves it");

    record(&mut pair.vans[author], pair.now, "Bria", 3);
    pair.give(author, carrier);
    assert!(pair.exchange(carrier));
    assert_eq!(homeward(&pair), 1);
    pair.vans[author].begin_life().expect("begins");
    pair.told(2);
    assert_eq!(homeward(&pair), 0, "that life has ended");
}

#[test]
fn an_authors_own_receipt_frees_who_carries_for_it() {
    let (mut pair, author, carrier) = carried_once();
    assert!(pair.exchange(author));
    pair.give(author, carrier);
    assert!(pair.custody(carrier).safe_to_wipe);
    assert_eq!(pair.batch_bytes(carrier), 0);
}

#[test]
fn who_lives_another_life_is_not_believed_to_hold_what_it_signed_for() {
    let (mut pair, author, carrier) = carried_once();
    let stick = pair.bundle(carrier);
    pair.vans[author].import_bundle(pair.now, &stick).expect("imports");
    assert_eq!(pair.custody(author).carried, 1);
    // Its disk goes back to before it took anything.
    pair.vans[carrier]
        .keep(|tx, _| tx.execute("DELETE FROM carried", []).map_err(crate::store::StoreError::from))
        .expect("loses");
    pair.vans[carrier].begin_life().expect("begins");
    let empty = pair.bundle(carrier);
    pair.vans[author].import_bundle(pair.now, &empty).expect("imports");
    assert_eq!((pair.custody(author).on_laptop, pair.custody(author).carried), (1, 0), "told by the carrier");

    pair.vans[author].import_bundle(pair.now, &stick).expect("imports");
    record(&mut pair.vans[author], pair.now, "Seran", 2);
    assert!(pair.exchange(carrier));
    // The author hears of the other life from the hub, and its own log is not receipted yet.
    let told =
        pair.hub.registries().newest_life(pair.vans[carrier].station().device()).cloned().expect("told");
    assert!(pair.exchange(author));
    assert_eq!(
        pair.vans[author].registries().newest_life(pair.vans[carrier].station().device()),
        Some(&told)
    );
    record(&mut pair.vans[author], pair.now, "Bria", 3);
    let taken = pair.vans[author].import_bundle(pair.now, &stick).expect("imports");
    assert_eq!(taken.notes, 0, "{taken:?}");
    assert_eq!(pair.custody(author).carried, 0);
}
