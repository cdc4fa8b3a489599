//! What becomes of attachments: carried after facts, resumed, checked, receipted, fetched.

#![expect(clippy::wildcard_enum_match_arm, reason = "the other messages go by as they are")]

use super::{Pair, record};
use crate::{
    desk::files::{self, NewFile},
    document::attachment::Kind,
    id::{ContentHash, DocumentId},
    identity::Context,
    store::attachment::{self, Look, Refused},
    sync::{
        Channel, Event, Replica,
        bundle::{Bundle, Files, For, Greeting, Imported, Part},
        custody,
        meeting::Answer,
    },
    time::Now,
    wire::{
        Frame,
        attachment::{Message, Offered, Receipt},
        frame::FrameReader,
    },
};

fn bytes(size: usize, seed: u8) -> Vec<u8> {
    (0..size).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

fn attach(replica: &mut Replica, now: Now, case: DocumentId, content: &[u8]) -> ContentHash {
    let files = replica.store().files();
    let hash = files.put(content).expect("keeps");
    let thumbnail = files.put(&content[..content.len().min(40)]).expect("keeps");
    let file = NewFile {
        hash,
        size: content.len() as u64,
        name: Some("KTP".to_owned()),
        kind: Kind::Scan,
        media_type: "image/jpeg".to_owned(),
        thumbnail: (content.len() > 40).then_some((thumbnail, 40)),
    };
    let done = replica.write(now, |writing| files::attach(writing, case, &file)).expect("attaches");
    assert_eq!(done.attachment, hash);
    hash
}

fn whole(replica: &mut Replica, hash: ContentHash) -> bool {
    attachment::find(replica.store().reader(), hash).expect("reads").is_some_and(|known| known.whole)
        && replica.read_file(hash).expect("reads").is_some()
}

fn left(replica: &mut Replica) -> (u64, u64, bool) {
    let device = replica.station().device();
    let counted = custody::count(replica.read().expect("reads"), device).expect("counts");
    (counted.attachments, counted.attachment_bytes, counted.safe_to_wipe)
}

fn carried(pair: &Pair) -> Vec<(u64, u64)> {
    let told = pair.events.iter().filter_map(|event| match event {
        Event::Carried { left, refused, .. } => Some((*left, *refused)),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_file_is_receipted_once_it_is_at_the_hub_and_never_sent_twice() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    let case = record(&mut pair.vans[one], now, "Ala'ang", 1);
    let content = bytes(300_000, 1);
    let hash = attach(&mut pair.vans[one], now, case, &content);
    assert_eq!(left(&mut pair.vans[one]), (2, 300_040, false));
    assert!(pair.exchange(one), "{:?}", pair.events);
    assert!(whole(&mut pair.hub, hash));
    assert_eq!(left(&mut pair.vans[one]), (0, 0, true));
    assert_eq!(carried(&pair).last(), Some(&(0, 0)));
    let sent = pair.file_bytes;
    assert!((300_040..310_000).contains(&sent), "{sent}");
    // The same content in another case of another laptop is receipted at once.
    let twin = record(&mut pair.vans[other], now, "Bete", 1);
    attach(&mut pair.vans[other], now, twin, &content);
    assert!(pair.exchange(other));
    assert!(pair.exchange(one));
    assert_eq!(left(&mut pair.vans[other]), (0, 0, true));
    assert_eq!(pair.file_bytes, sent);
}

#[test]
fn a_cut_costs_nothing_that_was_sent() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let now = pair.now;
    let case = record(&mut pair.vans[van], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[van], now, case, &bytes(400_000, 2));
    let mut cuts = 0;
    while !whole(&mut pair.hub, hash) {
        cuts += 1;
        assert!(cuts < 20, "it never ends");
        pair.exchange_until(van, 50_000, &mut |_, _| {});
        // Facts have arrived at the first contact.
        assert_eq!(pair.vans[van].station().device().0, 1);
    }
    assert!(cuts >= 7, "{cuts}");
    // What was in the window at each cut went up again, and no more.
    assert!(pair.file_bytes < 400_000 + cuts * 100_000, "{} in {cuts}", pair.file_bytes);
    pair.exchange(van);
    assert_eq!(left(&mut pair.vans[van]), (0, 0, true));
}

#[test]
fn damage_on_the_way_is_sent_again_and_damage_on_disk_is_fetched() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    let case = record(&mut pair.vans[one], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[one], now, case, &bytes(60_000, 3));
    let mut spoilt = false;
    pair.exchange_until(one, usize::MAX, &mut |channel, bytes| {
        if channel == Channel::Attachment && bytes.len() > 4_000 && !spoilt {
            spoilt = true;
            bytes[2_000] ^= 1;
        }
    });
    assert!(spoilt && whole(&mut pair.hub, hash), "{:?}", pair.events);
    assert!(pair.file_bytes > 120_000, "it went up twice");
    // The hub's disk.
    std::fs::write(pair.hub.store().files().path(hash), b"rot").expect("writes");
    let checked = pair.hub.check_files(Look::Bytes).expect("checks");
    assert_eq!(checked.damaged, [hash]);
    assert!(pair.exchange(other), "who does not hold it is no harm");
    assert!(pair.exchange(one));
    assert!(whole(&mut pair.hub, hash), "{:?}", pair.events);
    // The laptop's disk.
    std::fs::remove_file(pair.vans[one].store().files().path(hash)).expect("removes");
    assert_eq!(pair.vans[one].read_file(hash).expect("reads"), None);
    assert!(pair.exchange(one));
    assert!(whole(&mut pair.vans[one], hash));
    // Another laptop asks for it.
    assert!(!whole(&mut pair.vans[other], hash));
    pair.vans[other].want_file(hash, 60_000).expect("asks");
    assert!(pair.exchange(other));
    assert!(whole(&mut pair.vans[other], hash));
    assert_eq!(left(&mut pair.vans[other]), (0, 0, true));
}

#[test]
fn a_hub_that_was_restored_gets_its_files_again() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let now = pair.now;
    let case = record(&mut pair.vans[van], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[van], now, case, &bytes(9_000, 4));
    assert!(pair.exchange(van));
    std::fs::remove_dir_all(pair.hub.store().files().folder()).expect("removes");
    pair.hub.begin_life().expect("begins");
    assert!(pair.exchange(van), "{:?}", pair.events);
    assert!(whole(&mut pair.hub, hash));
    assert_eq!(left(&mut pair.vans[van]), (0, 0, true));
}

#[test]
fn what_was_taken_away_does_not_travel() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let now = pair.now;
    let case = record(&mut pair.vans[van], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[van], now, case, &bytes(9_000, 5));
    let short = hash.to_string()[..8].to_owned();
    pair.vans[van].write(now, |writing| files::detach(writing, case, &short, "blurred")).expect("detaches");
    assert_eq!(left(&mut pair.vans[van]).0, 0);
    assert!(pair.exchange(van));
    assert_eq!((pair.file_bytes, whole(&mut pair.hub, hash)), (0, false));
    attach(&mut pair.vans[van], now, case, &bytes(9_000, 5));
    assert!(pair.exchange(van));
    assert!(whole(&mut pair.hub, hash));
}

#[test]
fn an_allowance_ends_the_upload_and_not_the_facts() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let now = pair.now;
    let case = record(&mut pair.vans[van], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[van], now, case, &bytes(100_000, 6));
    pair.vans[van].set_allowance(Some(20_000));
    assert!(pair.exchange(van), "facts are handed over: {:?}", pair.events);
    assert!(!whole(&mut pair.hub, hash));
    assert!(pair.file_bytes < 21_000, "{}", pair.file_bytes);
    pair.vans[van].set_allowance(None);
    assert!(pair.exchange(van));
    assert!(whole(&mut pair.hub, hash));
    assert!(pair.file_bytes < 102_000, "{}", pair.file_bytes);
}

/// Replaces the frames of a stream by what `change` makes of them.
fn rewrite(bytes: &mut Vec<u8>, change: &mut dyn FnMut(Message) -> Vec<Message>) {
    let mut reader = FrameReader::default();
    reader.push(bytes);
    let mut out = Vec::new();
    while let Ok(Some(frame)) = reader.poll() {
        match frame {
            Frame::Attachment(message) => {
                out.extend(change(message).into_iter().flat_map(|m| Frame::Attachment(m).to_bytes()));
            }
            other => out.extend(other.to_bytes()),
        }
    }
    *bytes = out;
}

#[test]
fn what_no_case_names_or_is_longer_or_unasked_is_refused_and_nothing_else_suffers() {
    let stranger = ContentHash([9; 32]);
    type Change = Box<dyn FnMut(Message) -> Vec<Message>>;
    let attacks: Vec<Change> = vec![
        Box::new(move |message| match message {
            Message::Offer(mut files) => {
                files.push(Offered { hash: stranger, size: 5 });
                vec![Message::Offer(files)]
            }
            other => vec![other],
        }),
        Box::new(move |message| match message {
            Message::Offer(mut files) => {
                for file in &mut files {
                    file.size += 1;
                }
                vec![Message::Offer(files)]
            }
            other => vec![other],
        }),
        Box::new(move |message| match message {
            Message::Start { slot, size, offset, .. } => {
                vec![Message::Start { slot, hash: stranger, size, offset }]
            }
            other => vec![other],
        }),
        Box::new(move |message| match message {
            Message::Data { slot, bytes } => vec![
                Message::Data { slot, bytes: bytes.clone() },
                Message::Data { slot, bytes: [bytes.as_slice(), b"more"].concat() },
            ],
            other => vec![other],
        }),
        Box::new(move |message| match message {
            Message::Start { slot, hash, size, .. } => {
                vec![Message::Start { slot, hash, size, offset: size - 1 }]
            }
            other => vec![other],
        }),
    ];
    for (number, mut attack) in attacks.into_iter().enumerate() {
        let mut pair = Pair::new();
        let van = pair.enrol();
        let now = pair.now;
        let case = record(&mut pair.vans[van], now, "Ala'ang", 1);
        let hash = attach(&mut pair.vans[van], now, case, &bytes(6_000, 7));
        let settled = pair.exchange_until(van, usize::MAX, &mut |channel, bytes| {
            if channel != Channel::Batch {
                rewrite(bytes, &mut attack);
            }
        });
        assert!(settled, "attack {number}: facts are handed over");
        let cases = crate::store::read_model::case_count(pair.hub.read().expect("reads")).expect("counts");
        assert_eq!(cases, 1, "attack {number}");
        assert!(!whole(&mut pair.hub, stranger));
        pair.exchange(van);
        assert!(whole(&mut pair.hub, hash), "attack {number}: the honest file comes in the end");
        assert_eq!(left(&mut pair.vans[van]), (0, 0, true), "attack {number}");
    }
}

/// What a bundle of a laptop brings to another machine.
fn bundle(pair: &mut Pair, van: usize) -> Vec<u8> {
    let files = Files { bytes_max: u64::MAX, given: &[] };
    pair.vans[van].export_with_files(pair.now, files).expect("exports").bytes
}

#[test]
fn a_file_is_carried_to_the_hub_and_its_receipt_is_carried_home() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    assert!(pair.exchange(author) && pair.exchange(carrier));
    let case = record(&mut pair.vans[author], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[author], now, case, &bytes(60_000, 7));
    let there = bundle(&mut pair, author);
    let taken = pair.vans[carrier].import_bundle(now, &there).expect("imports");
    assert_eq!((taken.files, taken.refused.len()), (2, 0), "{taken:?}");
    assert_eq!(left(&mut pair.vans[carrier]), (2, 60_040, false));
    assert!(pair.exchange(carrier), "{:?}", pair.events);
    assert!(whole(&mut pair.hub, hash));
    assert_eq!(left(&mut pair.vans[carrier]), (0, 0, true));
    assert_eq!(left(&mut pair.vans[author]), (2, 60_040, false), "nobody has told");
    let home = bundle(&mut pair, carrier);
    let told = pair.vans[author].import_bundle(now, &home).expect("imports");
    assert_eq!((told.files_receipted, told.refused.len()), (2, 0), "{told:?}");
    assert_eq!(left(&mut pair.vans[author]).0, 0);
}

/// What the carrier has that cannot be handed over, and why.
fn refused(pair: &Pair, van: usize) -> Vec<Option<Refused>> {
    let carried = attachment::carried(pair.vans[van].store().reader()).expect("reads");
    carried.iter().map(|carried| carried.known.refused).collect()
}

/// An author with a file, and a carrier that has taken in its bundle.
fn carried_once() -> (Pair, usize, usize, DocumentId, ContentHash) {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    assert!(pair.exchange(author) && pair.exchange(carrier));
    let case = record(&mut pair.vans[author], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[author], now, case, &bytes(30, 7));
    let there = bundle(&mut pair, author);
    pair.vans[carrier].import_bundle(now, &there).expect("imports");
    assert_eq!(left(&mut pair.vans[carrier]), (1, 30, false));
    (pair, author, carrier, case, hash)
}

#[test]
fn a_carried_file_that_the_hub_refuses_is_kept_and_named_and_no_reason_against_a_wipe() {
    let (mut pair, author, carrier, case, hash) = carried_once();
    let now = pair.now;
    let detach = |pair: &mut Pair| {
        let short = hash.to_string()[..8].to_owned();
        pair.vans[author]
            .write(now, |writing| files::detach(writing, case, &short, "blurred"))
            .expect("done");
    };
    detach(&mut pair);
    assert!(pair.exchange(author));
    for _ in 0..2 {
        pair.events.clear();
        assert!(pair.exchange(carrier), "{:?}", pair.events);
        assert_eq!(carried(&pair).last(), Some(&(0, 1)), "it is offered at each exchange");
        assert_eq!(refused(&pair, carrier), [Some(Refused::NotNamed)]);
        assert_eq!(left(&mut pair.vans[carrier]), (0, 0, true));
        assert!(whole(&mut pair.vans[carrier], hash));
    }
    // Its case names it again.
    attach(&mut pair.vans[author], now, case, &bytes(30, 7));
    let facts = pair.vans[author].export_bundle(now, For::Anyone).expect("exports").bytes;
    pair.hub.import_bundle(now, &facts).expect("imports");
    assert!(pair.exchange(carrier));
    assert!(whole(&mut pair.hub, hash));
    assert_eq!(refused(&pair, carrier), []);
}

#[test]
fn a_carried_file_that_the_disk_has_damaged_is_told_and_mended_by_its_laptops_bundle() {
    let (mut pair, author, carrier, _, hash) = carried_once();
    std::fs::write(pair.vans[carrier].store().files().path(hash), b"rot").expect("writes");
    assert_eq!(pair.vans[carrier].check_files(Look::Bytes).expect("checks").damaged, [hash]);
    assert_eq!(refused(&pair, carrier), [Some(Refused::Damaged)]);
    assert_eq!(left(&mut pair.vans[carrier]), (0, 0, false), "records are carried still");
    let there = bundle(&mut pair, author);
    assert_eq!(pair.vans[carrier].import_bundle(pair.now, &there).expect("imports").files, 1);
    assert_eq!(refused(&pair, carrier), [None]);
    assert!(pair.exchange(carrier));
    assert!(whole(&mut pair.hub, hash));
    assert_eq!(left(&mut pair.vans[carrier]), (0, 0, true));
}

#[test]
fn receipts_for_files_on_their_way_home_find_room_in_a_bundle_or_stay_out() {
    let (mut pair, author, carrier, _, _) = carried_once();
    assert!(pair.exchange(carrier));
    let mut receipts = |bytes_max| {
        let files = Files { bytes_max, given: &[] };
        let made = pair.vans[carrier].export_with_files(pair.now, files).expect("exports");
        let parts = Bundle::of_bytes(&made.bytes).expect("reads").parts;
        (parts.iter().filter(|part| matches!(part, Part::FileReceipt(_))).count(), made.bytes)
    };
    assert_eq!(receipts(100).0, 0);
    let (count, home) = receipts(400);
    assert_eq!(count, 1);
    assert_eq!(pair.vans[author].import_bundle(pair.now, &home).expect("imports").files_receipted, 1);
}

#[test]
fn a_laptop_that_is_met_is_brought_receipts_for_files_where_it_knows_of_files() {
    let (mut pair, author, carrier, _, _) = carried_once();
    assert!(pair.exchange(carrier));
    let guest = pair.vans[author].station().device();
    let said = pair.vans[author].greeting(1).expect("reads");
    assert!(said.has_files());
    for (files, expected) in [(None, 0), (Some(true), 1)] {
        let heard = Greeting::of_bytes(&Greeting { files, ..said.clone() }.to_bytes()).expect("reads");
        let made = pair.vans[carrier].export_bundle(pair.now, For::Guest(guest, &heard)).expect("exports");
        let parts = Bundle::of_bytes(&made.bytes).expect("reads").parts;
        let count = parts.iter().filter(|part| matches!(part, Part::FileReceipt(_))).count();
        assert_eq!(count, expected, "{files:?}");
    }
}

/// What a laptop that is met answers to what another offers.
fn answered(pair: &mut Pair, from: usize, to: usize) -> Answer {
    let offered = pair.vans[from].files_to_offer().expect("reads");
    pair.vans[to].answer_offer(&offered).expect("reads")
}

/// Tells a laptop the receipts that another answered with.
fn tell(pair: &mut Pair, van: usize, answer: Answer) {
    assert!(answer.wanted.is_empty() && !answer.receipts.is_empty(), "{answer:?}");
    let mut imported = Imported::default();
    for receipt in answer.receipts {
        pair.vans[van].take_part(pair.now, Part::FileReceipt(receipt), &mut imported).expect("stores");
    }
    assert_eq!(imported.refused.len(), 0, "{imported:?}");
}

#[test]
fn files_given_when_laptops_meet_go_on_where_they_broke_off_and_receipts_free_who_carries() {
    let mut pair = Pair::new();
    let (author, one, other) = (pair.enrol(), pair.enrol(), pair.enrol());
    let now = pair.now;
    for van in [author, one, other] {
        assert!(pair.exchange(van));
    }
    let case = record(&mut pair.vans[author], now, "Ala'ang", 1);
    let content = bytes(40, 7);
    let hash = attach(&mut pair.vans[author], now, case, &content);
    let facts = pair.vans[author].export_bundle(now, For::Anyone).expect("exports").bytes;
    let maker = pair.vans[author].station().device();
    let file = Offered { hash, size: 40 };
    for carrier in [one, other] {
        pair.vans[carrier].import_bundle(now, &facts).expect("imports");
        let mut imported = Imported { maker, ..Imported::default() };
        let mut give = |pair: &mut Pair, from: usize, to: usize| {
            let part = content[from..to].to_vec();
            pair.vans[carrier].take_given(file, from as u64, &part, &mut imported).expect("stores");
            imported.files
        };
        let wanted = |pair: &mut Pair| {
            let wanted = answered(pair, author, carrier).wanted;
            wanted.iter().map(|wanted| wanted.held).collect::<Vec<_>>()
        };
        assert_eq!(wanted(&mut pair), [0]);
        give(&mut pair, 0, 15);
        assert_eq!(wanted(&mut pair), [15]);
        assert!(!whole(&mut pair.vans[carrier], hash));
        assert_eq!(give(&mut pair, 15, 40), 1);
        assert_eq!(answered(&mut pair, author, carrier), Answer::default(), "it is here");
        assert_eq!(left(&mut pair.vans[carrier]), (1, 40, false));
    }
    assert!(pair.exchange(one));
    assert!(whole(&mut pair.hub, hash));
    assert_eq!(left(&mut pair.vans[one]), (0, 0, true));
    let answer = answered(&mut pair, author, one);
    tell(&mut pair, author, answer);
    assert_eq!(left(&mut pair.vans[author]).0, 0);
    let answer = answered(&mut pair, other, author);
    tell(&mut pair, other, answer);
    assert_eq!(left(&mut pair.vans[other]).0, 0, "nobody needs to carry it any more");
}

#[test]
fn a_file_given_with_other_bytes_is_asked_for_from_its_beginning() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    let case = record(&mut pair.vans[author], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[author], now, case, &bytes(40, 7));
    let mut imported = Imported::default();
    let file = Offered { hash, size: 40 };
    pair.vans[carrier].take_given(file, 0, &bytes(15, 7), &mut imported).expect("stores");
    pair.vans[carrier].take_given(file, 15, &bytes(25, 9), &mut imported).expect("stores");
    assert_eq!((imported.files, imported.refused.len()), (0, 1), "{imported:?}");
    assert_eq!(answered(&mut pair, author, carrier).wanted.first().map(|wanted| wanted.held), Some(0));
    assert!(!whole(&mut pair.vans[carrier], hash));
}

#[test]
fn a_file_that_is_not_what_it_is_named_by_is_refused_and_the_rest_of_the_bundle_counts() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    assert!(pair.exchange(author) && pair.exchange(carrier));
    let case = record(&mut pair.vans[author], now, "Ala'ang", 1);
    attach(&mut pair.vans[author], now, case, &bytes(30, 7));
    let mut spoilt = Bundle::of_bytes(&bundle(&mut pair, author)).expect("reads");
    for part in &mut spoilt.parts {
        if let Part::File { bytes, .. } = part {
            bytes[0] ^= 1;
        }
    }
    let unknown = bytes(50, 9);
    spoilt.parts.push(Part::File { hash: ContentHash(*blake3::hash(&unknown).as_bytes()), bytes: unknown });
    let spoilt = spoilt.to_bytes(&pair.vans[author].station().key);
    let taken = pair.vans[carrier].import_bundle(now, &spoilt).expect("reads");
    assert_eq!((taken.files, taken.refused.len()), (1, 1), "{taken:?}");
    assert!(taken.changes > 0, "{taken:?}");
    let at_hub = pair.hub.import_bundle(now, &spoilt).expect("reads");
    assert_eq!((at_hub.files, at_hub.refused.len()), (0, 2), "{at_hub:?}");
    assert!(at_hub.changes > 0, "{at_hub:?}");
}

#[test]
fn what_the_hub_does_not_hold_nobody_is_told_that_it_holds() {
    let mut pair = Pair::new();
    let (author, liar) = (pair.enrol(), pair.enrol());
    let now = pair.now;
    assert!(pair.exchange(author) && pair.exchange(liar));
    let case = record(&mut pair.vans[author], now, "Ala'ang", 1);
    let hash = attach(&mut pair.vans[author], now, case, &bytes(30, 7));
    let key = &pair.vans[liar].station().key;
    let mut receipt = Receipt {
        hub_epoch: pair.hub.station().epoch,
        device: pair.vans[author].station().device(),
        hashes: vec![hash],
        at: now.wall,
        signature: Vec::new(),
    };
    receipt.signature = key.sign(Context::AttachmentReceipt, &receipt.signed_message()).0.to_vec();
    let mut lie = Bundle::of_bytes(&bundle(&mut pair, liar)).expect("reads");
    lie.parts.push(Part::FileReceipt(receipt));
    let lie = lie.to_bytes(&pair.vans[liar].station().key);
    let taken = pair.vans[author].import_bundle(now, &lie).expect("reads");
    assert_eq!((taken.files_receipted, taken.refused.len()), (0, 1), "{taken:?}");
    assert_eq!(left(&mut pair.vans[author]).0, 1);
}
