use shared::{
    document::{Person, View, person},
    id::{DeviceId, DocumentId, Kind},
    identity::ticket::Ticket,
    store::{devices, read_model},
    sync::{CloseCode, PeerId, Role, custody, writing::SaveError},
    time::Timestamp,
};

use super::*;
use crate::restore::restore;

const WALL: Timestamp = Timestamp(1_795_000_000_000);

/// A hub and laptops in one thread, joined by queues.
struct District {
    folder: tempfile::TempDir,
    home: Home,
    hub: Option<Hub>,
    laptops: Vec<Replica>,
    now: Now,
    links: u64,
}

impl District {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("hub")).unwrap();
        let addresses = vec!["10.0.0.7:4433".parse().unwrap()];
        let setup = Setup { district: "53.02".parse().unwrap(), name: None, addresses };
        assert_eq!(Hub::create(&home, &setup).unwrap(), []);
        let hub = Some(Hub::open(&home).unwrap());
        let now = Now { wall: WALL, tick: Tick(10_000) };
        Self { folder, home, hub, laptops: Vec::new(), now, links: 0 }
    }

    fn hub(&mut self) -> &mut Hub {
        self.hub.as_mut().unwrap()
    }

    fn answer(&mut self, request: &Request) -> anyhow::Result<Value> {
        let now = self.now;
        self.hub().answer(now, request, &mut |_| true)
    }

    fn rows(&mut self, request: &Request) -> Vec<Value> {
        let (now, mut rows) = (self.now, Vec::new());
        self.hub()
            .answer(now, request, &mut |row| {
                rows.push(row);
                true
            })
            .unwrap();
        rows
    }

    fn invite(&mut self) -> Ticket {
        let answer = self.answer(&Request::Invite { unit: "V01".parse().unwrap() }).unwrap();
        answer["ticket"].as_str().unwrap().parse().unwrap()
    }

    fn enrol(&mut self) -> usize {
        let ticket = self.invite();
        let file = self.folder.path().join(format!("{}.db", self.laptops.len()));
        let mut laptop =
            Replica::open_laptop(Store::open(&file).unwrap(), Box::new(machine::entropy)).unwrap();
        laptop.enrol(ticket);
        self.laptops.push(laptop);
        assert_eq!(self.exchange(self.laptops.len() - 1), None);
        self.laptops.len() - 1
    }

    /// Links a laptop and lets all of it be said; why the hub closed the link, if it did.
    fn link(&mut self, laptop: usize) -> (PeerId, Option<CloseCode>) {
        self.links += 1;
        let peer = PeerId(self.links);
        let (now, exporter) = (self.now, [9; 32]);
        let hub_key = self.hub().replica().station().key.public();
        let key = self.laptops[laptop].station().key.public();
        self.hub().handle(now, Input::Connected { peer, role: Role::Parent, key, exporter });
        self.laptops[laptop]
            .handle(now, Input::Connected { peer, role: Role::Child, key: hub_key, exporter });
        (peer, self.talk(laptop))
    }

    fn talk(&mut self, laptop: usize) -> Option<CloseCode> {
        let mut closed = None;
        for _ in 0..10_000 {
            let now = self.now;
            let laptop = &mut self.laptops[laptop];
            let hub = self.hub.as_mut().unwrap();
            let mut still = true;
            while let Some(output) = laptop.poll_output() {
                still = false;
                if let Output::Send { peer, channel, bytes } = output {
                    hub.handle(now, Input::Received { peer, channel, bytes });
                }
            }
            while let Some(output) = hub.poll_output() {
                still = false;
                match output {
                    Output::Send { peer, channel, bytes } => {
                        laptop.handle(now, Input::Received { peer, channel, bytes });
                    }
                    Output::Close { code, .. } => closed = Some(code),
                    Output::Event(_) => {}
                }
            }
            if still {
                // What is due soon belongs to the conversation; later deadlines are for silence.
                match hub.poll_timeout() {
                    Some(due) if due.0 <= now.tick.0 + 1_000 => {
                        self.now.tick = Tick(due.0.max(now.tick.0));
                        let now = self.now;
                        self.hub().handle(now, Input::Timeout);
                    }
                    _ => break,
                }
            }
        }
        closed
    }

    fn exchange(&mut self, laptop: usize) -> Option<CloseCode> {
        let (peer, closed) = self.link(laptop);
        let now = self.now;
        self.hub().handle(now, Input::Disconnected { peer });
        self.laptops[laptop].handle(now, Input::Disconnected { peer });
        closed
    }

    fn person(&mut self, laptop: usize, nik: Option<&str>, name: &str, born: &str) -> DocumentId {
        let (now, nik) = (self.now, nik.map(|nik| nik.parse().unwrap()));
        let new = person::New {
            district: &"53.02".parse().unwrap(),
            nik: nik.as_ref(),
            name,
            sex: None,
            born: Some(born.parse().unwrap()),
            born_estimated: None,
            birth_order: None,
            mother: None,
            father: None,
            kk: None,
            phone: None,
            address: None,
            village: None,
            reference: None,
        };
        let saved = self.laptops[laptop].write(now, |writing| {
            let (document, mut edit) = writing.create(Kind::Person);
            new.write(&mut edit).unwrap();
            writing.save(document, edit)?;
            Ok::<_, SaveError>(document)
        });
        saved.unwrap()
    }

    fn twin_at_hub(&mut self, document: DocumentId) -> DocumentId {
        let tx = self.hub().replica_mut().read().unwrap();
        read_model::person_of(tx, document).unwrap().unwrap().twin
    }

    fn stand(&mut self, device: &str, standing: devices::Standing) -> anyhow::Result<Value> {
        self.answer(&Request::Stand { device: device.to_owned(), standing })
    }
}

#[test]
fn a_new_hub_is_whole_and_a_second_one_is_refused() {
    let mut district = District::new();
    let kinds: Vec<_> = district.rows(&Request::Registries).iter().map(|row| row["kind"].clone()).collect();
    assert_eq!(
        kinds,
        ["villages", "service_points", "services", "holidays", "units", "officers", "addresses"]
    );
    let setup = Setup { district: "53.01".parse().unwrap(), name: None, addresses: vec![] };
    let error = Hub::create(&district.home, &setup).unwrap_err();
    assert!(error.to_string().contains("already holds the hub of district 53.02"), "{error}");
}

#[test]
fn a_laptop_is_no_hub() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    assert!(Hub::open(&home).unwrap_err().to_string().contains("no hub is set up"));
    let store = Store::open(&home.database()).unwrap();
    drop(Replica::open_laptop(store, Box::new(machine::entropy)).unwrap());
    assert!(Hub::open(&home).unwrap_err().to_string().contains("belongs to a laptop"));
}

#[test]
fn without_an_address_nobody_is_invited() {
    let mut district = District::new();
    let now = district.now;
    registries::advertise(district.hub().replica_mut(), now, &[]).unwrap();
    let invite = Request::Invite { unit: "V01".parse().unwrap() };
    let failure = failure_of(&district.answer(&invite).unwrap_err());
    assert!(failure.next.unwrap().contains("--advertise"));
    district.hub().set_bound("0.0.0.0:4433".parse().unwrap());
    assert!(district.answer(&invite).is_err());
    district.hub().set_bound("127.0.0.1:4433".parse().unwrap());
    assert_eq!(district.answer(&invite).unwrap()["addresses"], json!(["127.0.0.1:4433"]));
}

#[test]
fn a_ticket_lets_one_laptop_in_and_brings_the_registries() {
    let mut district = District::new();
    let laptop = district.enrol();
    assert_eq!(district.laptops[laptop].registries().villages().len(), 278);
    assert_eq!(district.laptops[laptop].registries().addresses().len(), 1);
    let rows = district.rows(&Request::Devices);
    assert_eq!((rows[0]["unit"].as_str(), rows[0]["letter"].as_str()), (Some("V01"), Some("A")));
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_revoked_laptop_is_cut_off_at_once() {
    let mut district = District::new();
    let laptop = district.enrol();
    let (_, closed) = district.link(laptop);
    assert_eq!(closed, None);
    assert_eq!(district.hub().replica().linked(), [DeviceId(1)]);
    district.stand("V01A", devices::Standing::Suspended).unwrap();
    assert_eq!(district.talk(laptop), Some(CloseCode::Revoked));
    assert_eq!(district.exchange(laptop), Some(CloseCode::Revoked));
    district.stand("1", devices::Standing::Active).unwrap();
    assert_eq!(district.exchange(laptop), None);
    district.stand("1", devices::Standing::Revoked).unwrap();
    assert_eq!(district.exchange(laptop), Some(CloseCode::Revoked));
    assert!(district.stand("1", devices::Standing::Active).is_err(), "that takes a new ticket");
    assert!(district.stand("V01B", devices::Standing::Revoked).is_err());
}

#[test]
fn what_a_revoked_laptop_still_held_is_for_a_person_to_judge() {
    let mut district = District::new();
    let (laptop, other) = (district.enrol(), district.enrol());
    let first = district.person(laptop, None, "Nahak", "1980");
    assert_eq!(district.exchange(laptop), None);
    let second = district.person(laptop, None, "Seran", "1981");
    district.stand("V01A", devices::Standing::Revoked).unwrap();
    let unseen = district.person(other, None, "Bria", "1982");
    assert_eq!(district.exchange(other), None);

    let (peer, closed) = district.link(laptop);
    assert_eq!(closed, None, "it may leave behind what it has");
    district.laptops[laptop].bye(peer);
    assert_eq!(district.talk(laptop), Some(CloseCode::Revoked), "and nothing else");
    let device = district.laptops[laptop].station().device();
    let custody = custody::count(district.laptops[laptop].read().unwrap(), device).unwrap();
    assert_eq!(custody.unsent, 0, "the hub's receipt covers it");
    let names = |replica: &mut Replica| -> Vec<_> {
        let people = read_model::people(replica.read().unwrap(), "", 10).unwrap();
        people.into_iter().map(|row| row.document).collect()
    };
    assert!(!names(&mut district.laptops[laptop]).contains(&unseen), "it is told nothing");
    let held = district.rows(&Request::Quarantine);
    assert_eq!(held.len(), 1);
    assert_eq!((&held[0]["rule"], &held[0]["laptop"]), (&json!("shut_out"), &json!("V01A")));
    assert!(!names(district.hub().replica_mut()).contains(&second));
    assert_eq!(district.exchange(laptop), Some(CloseCode::Revoked), "there is nothing more to hand over");
    let rebuild = district.answer(&Request::Doctor { rebuild: true }).unwrap();
    assert_eq!(rebuild["rebuilt"], 2, "a rebuild does not let it in");

    let released = district.answer(&Request::Release { what: "V01A".to_owned() }).unwrap();
    assert_eq!(released, json!({ "released": 1, "counting": 1 }));
    assert!(district.answer(&Request::Release { what: "V01A".to_owned() }).is_err());
    assert_eq!(district.exchange(other), None);
    for document in [first, second] {
        assert!(names(&mut district.laptops[other]).contains(&document));
    }
}

#[test]
fn two_documents_of_one_person_are_linked_and_the_link_reaches_the_laptops() {
    let mut district = District::new();
    let (one, other) = (district.enrol(), district.enrol());
    let nik = Some("5302015708909002");
    let mut twins = [
        district.person(one, nik, "O'a Mate", "1990-08-17"),
        district.person(other, nik, "OA MATE", "1990-08-17"),
    ];
    twins.sort();
    let stranger = district.person(other, nik, "Yohanis Nope", "1990-08-17");
    let unknown = district.person(other, None, "O'a Mate", "1990-08-17");
    for laptop in [one, other, one, other] {
        assert_eq!(district.exchange(laptop), None);
    }
    for document in twins {
        assert_eq!(district.twin_at_hub(document), twins[0]);
    }
    assert_eq!(district.twin_at_hub(stranger), stranger);
    assert_eq!(district.twin_at_hub(unknown), unknown);
    for laptop in [one, other] {
        let tx = district.laptops[laptop].read().unwrap();
        let history = store::changes::history(tx, twins[1]).unwrap();
        assert_eq!(Person::read(&View::of(&history)).same_as, Some(twins[0]), "laptop {laptop}");
    }
    let apart = Request::Judge {
        one: twins[0].to_string(),
        other: twins[1].to_string(),
        same: false,
        reason: "sisters".to_owned(),
    };
    district.answer(&apart).unwrap();
    district.person(one, nik, "Oa Mate", "1990-08-17");
    assert_eq!(district.exchange(one), None);
    assert_eq!(district.twin_at_hub(twins[1]), twins[1], "what a person has told apart stays apart");
}

#[test]
fn a_backup_is_told_to_laptops_and_a_restored_hub_is_healed_by_them() {
    let mut district = District::new();
    let laptop = district.enrol();
    let first = district.person(laptop, None, "Nahak", "1980");
    assert_eq!(district.exchange(laptop), None);
    let file = district.folder.path().join("backup.db");
    let answer = district.answer(&Request::Backup { file: file.clone() }).unwrap();
    assert!(answer["bytes"].as_u64().unwrap() > 0);
    assert_eq!(district.exchange(laptop), None);
    let tx = district.laptops[laptop].store().reader();
    let receipt = devices::receipt(tx, district.laptops[laptop].station().epoch).unwrap().unwrap();
    assert_eq!(receipt.backed_up_through, receipt.cursor.index);

    let unused = district.invite();
    let later = district.enrol();
    let second = district.person(laptop, None, "Seran", "1981");
    let third = district.person(later, None, "Bria", "1982");
    assert_eq!((district.exchange(laptop), district.exchange(later)), (None, None));
    district.stand("V01B", devices::Standing::Lost).unwrap();
    let before = district.hub().replica().station().epoch;
    district.hub = None;

    let restored = restore(&district.home, &file).unwrap();
    assert_eq!(restored["devices_from_journal"], 1, "the laptop that was let in since is known");
    district.hub = Some(Hub::open(&district.home).unwrap());
    assert_ne!(district.hub().replica().station().epoch, before);
    let rows = district.rows(&Request::Devices);
    assert_eq!(rows[1]["state"], "lost", "and stays shut out");
    assert_eq!(district.exchange(later), None, "what it brings again is held for a person");
    assert_eq!(district.rows(&Request::Quarantine).len(), 1);
    assert_eq!(district.exchange(later), Some(CloseCode::Revoked));
    let fourth = district.person(laptop, None, "Fahik", "1983");
    assert_eq!(district.exchange(laptop), None);
    let tx = district.hub().replica_mut().read().unwrap();
    let names: Vec<_> = read_model::people(tx, "", 10).unwrap().into_iter().map(|row| row.document).collect();
    let held = [first, second, fourth, third].map(|document| names.contains(&document));
    assert_eq!(held, [true, true, true, false]);
    let device = district.laptops[laptop].station().device();
    let custody = custody::count(district.laptops[laptop].read().unwrap(), device).unwrap();
    assert!(custody.safe_to_wipe);

    district.laptops[later] = {
        let store = Store::open(&district.folder.path().join("new.db")).unwrap();
        let mut laptop = Replica::open_laptop(store, Box::new(machine::entropy)).unwrap();
        laptop.enrol(unused);
        laptop
    };
    assert_eq!(district.exchange(later), Some(CloseCode::Ticket), "it may have been used since the backup");
}

#[test]
fn a_restore_takes_only_this_hubs_backups() {
    let mut district = District::new();
    let file = district.folder.path().join("backup.db");
    district.answer(&Request::Backup { file: file.clone() }).unwrap();
    let mut other = District::new();
    let foreign = other.folder.path().join("backup.db");
    other.answer(&Request::Backup { file: foreign.clone() }).unwrap();
    district.hub = None;
    let before = std::fs::read(district.home.database()).unwrap();
    let garbage = district.folder.path().join("garbage");
    std::fs::write(
        &garbage,
        "no database, just a text that is long enough to be read as a header ".repeat(20),
    )
    .unwrap();
    for (file, words) in [
        (&foreign, "backup of another hub"),
        (&garbage, "is not a database"),
        (&district.folder.path().join("none"), "there is no file"),
    ] {
        let error = format!("{:#}", restore(&district.home, file).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let held = district.home.lock(std::time::Duration::ZERO).unwrap();
    let error = restore(&district.home, &file).unwrap_err();
    assert!(error.to_string().contains("a hub is at work"), "{error}");
    drop(held);
    assert_eq!(std::fs::read(district.home.database()).unwrap(), before);
    restore(&district.home, &file).unwrap();
}

#[test]
fn a_sound_store_has_no_findings_and_a_bent_one_has() {
    let mut district = District::new();
    let laptop = district.enrol();
    district.person(laptop, None, "Nahak", "1980");
    assert_eq!(district.exchange(laptop), None);
    let findings = district.answer(&Request::Doctor { rebuild: true }).unwrap();
    assert_eq!((&findings["ok"], &findings["rebuilt"]), (&json!(true), &json!(1)), "{findings}");
    assert!(findings["entries"].as_u64().unwrap() >= 2);
    district
        .hub()
        .replica_mut()
        .keep(|tx, _| {
            tx.execute(
                "UPDATE batch SET chain = zeroblob(16) WHERE log IN (SELECT log FROM log WHERE author = 1)",
                [],
            )?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let findings = district.answer(&Request::Doctor { rebuild: false }).unwrap();
    assert_eq!(findings["ok"], false);
    assert!(findings["logs"][0].as_str().unwrap().contains("log of device 1"), "{findings}");
}
