//! A hub and laptops in one thread, joined by queues: what a conversation must come to.

mod bundles;
mod dictionaries;
#[path = "pair/files/tests.rs"]
mod files;
mod tests;

use std::collections::VecDeque;

use super::{Channel, Event, Input, Output, PeerId, Replica, Role, writing::SaveError};
use crate::{
    document::{NewEvent, State, case, person},
    id::{DistrictCode, DocumentId, Kind},
    identity::ticket::{Secret, Ticket},
    slip::{DeviceLetter, SlipNumber},
    store::Store,
    sync::{custody, enrolment},
    time::{Now, Tick, Timestamp},
};

pub(super) struct Pair {
    folder: tempfile::TempDir,
    pub(super) hub: Replica,
    pub(super) vans: Vec<Replica>,
    pub(super) now: Now,
    links: u64,
    pub(super) events: Vec<Event>,
    /// Bytes that went up on the stream of files.
    pub(super) file_bytes: usize,
}

/// The database of a machine in a folder of its own.
fn home(folder: &tempfile::TempDir, name: &str) -> std::path::PathBuf {
    let home = folder.path().join(name);
    std::fs::create_dir_all(&home).expect("folder");
    home.join("keliling.db")
}

fn entropy(mut state: u64) -> crate::identity::OwnedEntropy {
    Box::new(move |bytes| {
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 33) as u8;
        }
    })
}

impl Pair {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(&home(&folder, "hub")).expect("opens");
        let district = "53.02".parse().expect("valid");
        let hub = Replica::create_hub(store, entropy(1), district, "SoE".into()).expect("creates");
        let now = Now { wall: Timestamp(1_790_000_000_000), tick: Tick(0) };
        Self { folder, hub, vans: Vec::new(), now, links: 0, events: Vec::new(), file_bytes: 0 }
    }

    /// Enrols another laptop; its index.
    pub(super) fn enrol(&mut self) -> usize {
        let secret = Secret([self.vans.len() as u8 + 1; 16]);
        let unit = format!("V{:02}", self.vans.len() + 1).parse().expect("valid");
        let now = self.now.wall;
        let issued = self.hub.keep(|tx, _| enrolment::issue(tx, &secret, &unit, now)).expect("issues");
        let store = Store::open(&home(&self.folder, &format!("{unit}"))).expect("opens");
        let mut van = Replica::open_laptop(store, entropy(self.vans.len() as u64 + 2)).expect("opens");
        van.enrol(Ticket {
            addresses: Vec::new(),
            hub: self.hub.station().key.public(),
            secret,
            district: "53.02".parse().expect("valid"),
            unit,
            expires: issued.expires,
            hub_name: "SoE".into(),
        });
        self.vans.push(van);
        self.exchange(self.vans.len() - 1);
        self.vans.len() - 1
    }

    /// One exchange until nothing moves; whether the van settled.
    pub(super) fn exchange(&mut self, van: usize) -> bool {
        self.exchange_until(van, usize::MAX, &mut |_, _| {})
    }

    /// One exchange that is cut after so many bytes of files have gone up, each frame shown to `spoil` before;
    /// whether the van settled.
    pub(super) fn exchange_until(
        &mut self,
        van: usize,
        cut: usize,
        spoil: &mut dyn FnMut(Channel, &mut Vec<u8>),
    ) -> bool {
        let mut carried = 0;
        self.links += 1;
        let peer = PeerId(self.links);
        let exporter = [9; 32];
        let hub_key = self.hub.station().key.public();
        let van_key = self.vans[van].station().key.public();
        self.hub.handle(self.now, Input::Connected { peer, role: Role::Parent, key: van_key, exporter });
        self.vans[van].handle(self.now, Input::Connected { peer, role: Role::Child, key: hub_key, exporter });
        let mut settled = false;
        loop {
            let up: VecDeque<_> = std::iter::from_fn(|| self.vans[van].poll_output()).collect();
            let down: VecDeque<_> = std::iter::from_fn(|| self.hub.poll_output()).collect();
            if up.is_empty() && down.is_empty() {
                if self.hub.poll_timeout().is_none_or(|due| due > self.now.tick) {
                    break;
                }
                self.hub.handle(self.now, Input::Timeout);
            }
            for output in up {
                match output {
                    Output::Send { channel, mut bytes, .. } => {
                        if channel == Channel::Attachment {
                            carried += bytes.len();
                            self.file_bytes += bytes.len();
                        }
                        if carried > cut {
                            continue;
                        }
                        spoil(channel, &mut bytes);
                        self.hub.handle(self.now, Input::Received { peer, channel, bytes });
                    }
                    Output::Close { reason, .. } => panic!("the laptop closed: {reason}"),
                    Output::Event(event) => {
                        settled |= matches!(event, Event::Settled { .. });
                        self.events.push(event);
                    }
                }
            }
            for output in down {
                match output {
                    Output::Send { channel, bytes, .. } => {
                        self.vans[van].handle(self.now, Input::Received { peer, channel, bytes });
                    }
                    Output::Close { reason, .. } => panic!("the hub closed: {reason}"),
                    Output::Event(event) => self.events.push(event),
                }
            }
        }
        self.hub.handle(self.now, Input::Disconnected { peer });
        self.vans[van].handle(self.now, Input::Disconnected { peer });
        settled
    }
}

/// Somebody of whom nothing is known but the name.
fn someone<'a>(district: &'a DistrictCode, name: &'a str) -> person::New<'a> {
    person::New {
        district,
        nik: None,
        name,
        sex: None,
        born: None,
        born_estimated: None,
        birth_order: None,
        mother: None,
        father: None,
        kk: None,
        phone: None,
        address: None,
        village: None,
        reference: None,
    }
}

/// Records a case of a new person.
pub(super) fn record(replica: &mut Replica, now: Now, name: &str, counter: u32) -> DocumentId {
    let place = replica.station().place.clone().expect("enrolled");
    replica
        .write(now, |writing| {
            let district = "53.02".parse().expect("valid");
            let village = "53.02.01.1001".parse().expect("valid");
            let unit = place.unit.clone().expect("a laptop has a unit");
            let (person, mut edit) = writing.create(Kind::Person);
            let new = person::New { village: Some(&village), ..someone(&district, name) };
            new.write(&mut edit).expect("fits the schema");
            writing.save(person, edit)?;
            let date = time::Date::from_calendar_date(2026, time::Month::November, 20).expect("valid");
            let slip = SlipNumber::new(district.clone(), &unit, &DeviceLetter::nth(0), date, counter);
            let (document, mut edit) = writing.create(Kind::Case);
            let new = case::New {
                service: "DUK-LAHIR",
                catalogue: "00000000000000000000000000000000",
                slip: &slip,
                unit: &unit,
                district: &district,
                village: Some(&village),
                applicant: person,
                subject: person,
                collector: None,
                visit: None,
                encounter: [0; 8],
                started: now.wall,
                ended: None,
                offset_minutes: 480,
                officer: Some("Ofi"),
                position: None,
                consent: Some(true),
                consent_text: None,
                confirmed: None,
                notes: None,
                reference: None,
                channel: None,
                blank: None,
                priority: None,
                companion: None,
                witnesses: &[],
                ticks: &[],
                warnings: &[],
                event: NewEvent::new(State::Received, now.wall),
            };
            new.write(&mut edit).expect("fits the schema");
            writing.save(document, edit)?;
            Ok::<_, SaveError>(document)
        })
        .expect("saves")
}

#[test]
fn a_case_is_at_the_hub_when_its_receipt_is_stored() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    for n in 1..=3 {
        record(&mut pair.vans[van], pair.now, "Ala'ang", n);
    }
    let device = pair.vans[van].station().device();
    let before = custody::count(pair.vans[van].read().expect("reads"), device).expect("counts");
    assert_eq!((before.on_laptop, before.at_hub, before.safe_to_wipe), (3, 0, false));
    assert!(pair.exchange(van), "{:?}", pair.events);
    let after = custody::count(pair.vans[van].read().expect("reads"), device).expect("counts");
    assert_eq!((after.on_laptop, after.at_hub, after.safe_to_wipe), (0, 3, true));
    let at_hub = crate::store::read_model::case_count(pair.hub.read().expect("reads")).expect("counts");
    assert_eq!(at_hub, 3);
}

#[test]
fn what_one_van_recorded_reaches_another() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    for n in 1..=700 {
        record(&mut pair.vans[one], pair.now, &format!("Nahak {n}"), n);
    }
    assert!(pair.exchange(one));
    assert!(pair.exchange(other));
    let found = crate::store::read_model::find(pair.vans[other].read().expect("reads"), "nahak", 1_000);
    assert_eq!(found.expect("finds").len(), 700);
    assert!(pair.exchange(other), "settles again with nothing new");
}

#[test]
fn who_says_nothing_is_closed_but_not_by_a_hub_that_had_no_time_to_listen() {
    let mut pair = Pair::new();
    let key = crate::identity::Key::from_seed([7; 32]).public();
    let (mut now, peer) = (pair.now, PeerId(9));
    pair.hub.handle(now, Input::Connected { peer, role: Role::Parent, key, exporter: [9; 32] });
    let mut closed_after = |milliseconds| {
        now.tick = pair.hub.poll_timeout().expect("words are awaited").after(milliseconds);
        pair.hub.handle(now, Input::Timeout);
        matches!(pair.hub.poll_output(), Some(Output::Close { .. }))
    };
    assert_eq!([closed_after(60_000), closed_after(0)], [false, true]);
}
