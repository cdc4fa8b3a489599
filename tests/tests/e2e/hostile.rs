//! A laptop in wrong hands: its key is good, and it says what it likes.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};
use shared::{
    change::{Action, Change, Key, Object, Operation, Scalar},
    document::{self, Edit, Field, NewEvent, State, field},
    id::{ChangeHash, DocumentId, Kind},
    identity,
    store::{Store, StoreError, Tx, changes, log},
    sync::{CloseCode, station::Station},
    time::Timestamp,
    wire::{
        Entry, Frame,
        batch::{LogName, Origin, Sum},
        frame::{Cursor, Hello, VERSION},
    },
};
use tests::{
    page::{Reader, hidden},
    process::Van,
    random::Random,
};
use van_agent::host::{
    dial::{Caller, dial},
    meter::Meter,
    networks::Networks,
    quic::{self, Side},
    wire::Wire,
};

use crate::stage::{Stage, case, shown, sync};

/// Opens what a laptop holds, as a program of the thief's own would.
pub(crate) fn break_open(home: &Path) -> (Store, Station) {
    let store = Store::open(&home.join("keliling.db")).expect("the laptop's store");
    let station = Station::load(store.reader()).expect("it reads").expect("it is set up");
    (store, station)
}

/// Writes changes into the laptop's own log and index, judged by nobody.
fn forge(
    tx: Tx<'_>,
    station: &Station,
    forged: &[(DocumentId, Option<[u8; 16]>, Change)],
) -> Result<(), StoreError> {
    let mut log = log::find_or_begin(tx, &station.log())?;
    for (document, claim, change) in forged {
        let hash = document::hash(change).expect("it can be built");
        if let Some(nonce) = claim {
            log::append(tx, &mut log, &[(Entry::Actor { nonce: *nonce }, None)])?;
        }
        let entry = Entry::Change { document: *document, change: change.clone().into() };
        log::append(tx, &mut log, &[(entry, Some(hash))])?;
        changes::insert(tx, &indexed(*document, hash, station, &log, change))?;
    }
    Ok(())
}

fn indexed(
    document: DocumentId,
    hash: ChangeHash,
    station: &Station,
    log: &log::Log,
    change: &Change,
) -> changes::Indexed {
    changes::Indexed {
        hash,
        document,
        origin: Origin { device: station.device(), epoch: station.epoch, index: log.head.index },
        log: log.row,
        entry: log.head.index,
        state: changes::State::Applied,
        arrival: None,
        second: u64::try_from(change.time.0 / 1_000).expect("after 1970"),
        root: change.parents.is_empty(),
        fed: false,
    }
}

fn committed(mut edit: Edit, at: Timestamp) -> Change {
    edit.commit(at, document::SCHEMA).expect("it is small").expect("something was written").1
}

fn id(row: &Value, key: &str) -> DocumentId {
    row[key].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {key} in {row}"))
}

#[test]
fn what_breaks_the_rules_is_held_and_told_and_stops_nobody_else() {
    let stage = Stage::open();
    let (bad, good) = (stage.van("bad", "V01"), stage.van("good", "V02"));
    let own = case(&bad, json!({"name": "Own"}));
    let victim = case(&good, json!({"name": "Victim", "village": "53.02.01.1001"}));
    for van in [&good, &bad] {
        sync(van);
    }
    let own_row = shown(bad.run(&["case", "show", &own]));
    let victim_row = shown(bad.run(&["case", "show", &victim]));
    let (own_case, own_person, person) =
        (id(&own_row, "case"), id(&own_row, "person"), id(&victim_row, "person"));
    let at = Timestamp(1_795_200_000_000);

    let (mut store, station) = break_open(bad.home());
    let history = |document| changes::history(store.reader(), document).expect("it reads");
    let (stolen, claims) =
        (history(person).iter().next().expect("it has a beginning").1.actor, [[0xb1; 16], [0xb2; 16]]);
    let [first, second] = claims.map(|nonce| identity::actor(&station.key.public(), &nonce));
    let mut name = Edit::open(Kind::Person, &history(person), stolen).expect("it opens");
    field::set(&mut name, Field::Name, "Thief", None).expect("a good name");
    let mut rejected = Edit::open(Kind::Case, &history(own_case), first).expect("it opens");
    let event = NewEvent { reason: Some("no"), ..NewEvent::new(State::Rejected, at) };
    event.write(&mut rejected).expect("the form is right");
    let mut unknown = Edit::open(Kind::Person, &history(own_person), second).expect("it opens");
    field::set(&mut unknown, Field::Phone, "081200001111", None).expect("a good number");
    let mut unknown = committed(unknown, at);
    unknown.operations.push(Operation {
        object: Object::Root,
        key: Key::Map("sudo".to_owned()),
        insert: false,
        action: Action::Put(Scalar::Boolean(true)),
        predecessors: Vec::new(),
    });
    let forged = [
        (person, None, committed(name, at)),
        (own_case, Some(claims[0]), committed(rejected, at)),
        (own_person, Some(claims[1]), unknown),
    ];
    store.commit(|tx| forge(tx, &station, &forged)).expect("written");
    drop(store);

    let synced = bad.call(&["sync", "--json"]).run();
    assert_eq!(synced.code, Some(0), "{synced}");
    let held = stage.hub.run(&["quarantine", "list"]).lines;
    assert_eq!(held.len(), 3, "{held:#?}");
    for row in &held {
        assert_eq!((&row["laptop"], row["device"].as_u64()), (&json!("V01A"), Some(1)), "{row}");
        assert!(row["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{row}");
        let shown = stage.hub.run(&["quarantine", "show", row["id"].as_str().expect("an id")]);
        assert!(
            shown.json()["operations"]["operations"].as_array().is_some_and(|all| !all.is_empty()),
            "{shown}"
        );
    }
    let mut rules: Vec<_> = held.iter().map(|row| row["rule"].as_str().unwrap_or_default()).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["authority", "foreign_actor", "schema_key"]);

    // Where it came from, people see it.
    sync(&bad);
    assert!(bad.run(&["custody"]).number("needs_you") >= 3);
    let told = shown(bad.run(&["case", "show", &own]));
    assert_eq!(told["status"], "received", "{told}");
    let reasons = told["quarantine"].as_array().expect("a list");
    assert!(reasons.len() == 2 && reasons.iter().all(|row| row["reason"].is_string()), "{told}");
    assert_eq!(shown(bad.run(&["case", "show", &victim]))["name"], "Victim");
    // Nobody else notices.
    sync(&good);
    assert_eq!(shown(good.run(&["case", "show", &victim]))["name"], "Victim");
    assert_eq!(shown(good.run(&["case", "show", &own]))["status"], "received");
    case(&good, json!({"name": "Next"}));
    sync(&good);
    assert_eq!(stage.hub_cases().len(), 3);
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
    // The laptop itself may go on: one bad change does not stop the next good one.
    case(&bad, json!({"name": "After"}));
    sync(&bad);
    assert_eq!(stage.hub_cases().len(), 4);
    // A question about the case is an answer to what is held of it and of its subject; what is held of others' is not.
    let open = || bad.run(&["custody"]).number("needs_you");
    let before = open();
    bad.run(&["question", "ask", &own, "--words", "apa yang salah?"]);
    assert_eq!(open(), before - 2);
    let person = person.to_string();
    let done = bad.run(&["case", "handled", &person, "--reason", "bukan orang saya"]);
    assert_eq!((done.number("handled"), open()), (1, before - 3));
    assert_eq!(bad.run(&["custody"]).number("held"), 3);
}

/// Lets a laptop write what only an agency may, in its cases of these numbers, and hear that the hub holds it.
fn let_hold(stage: &Stage, van: &Van, slips: &[&str]) {
    let cases: Vec<_> =
        slips.iter().map(|slip| id(&shown(van.run(&["case", "show", slip])), "case")).collect();
    let (mut store, station) = break_open(van.home());
    let forged: Vec<_> = cases
        .into_iter()
        .zip(0xc0_u8..)
        .map(|(case, claim)| {
            let history = changes::history(store.reader(), case).expect("it reads");
            let actor = identity::actor(&station.key.public(), &[claim; 16]);
            let mut edit = Edit::open(Kind::Case, &history, actor).expect("it opens");
            let at = Timestamp(1_795_200_000_000);
            let event = NewEvent { reason: Some("no"), ..NewEvent::new(State::Rejected, at) };
            event.write(&mut edit).expect("the form is right");
            (case, Some([claim; 16]), committed(edit, at))
        })
        .collect();
    store.commit(|tx| forge(tx, &station, &forged)).expect("written");
    drop(store);
    van.call(&["sync", "--json"]).run().done();
    sync(van);
    assert_eq!(stage.hub.run(&["quarantine", "list"]).lines.len(), slips.len());
}

#[test]
fn what_the_officer_has_dealt_with_waits_for_the_hub_alone() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slips = ["Corrected", "Withdrawn", "Explained", "Left"].map(|name| case(&van, json!({"name": name})));
    let [corrected, withdrawn, explained, left] = slips.each_ref().map(String::as_str);
    sync(&van);
    let_hold(&stage, &van, &[corrected, withdrawn, explained, left]);
    let counts = || {
        let custody = van.run(&["custody"]);
        ["needs_you", "held", "at_hub", "on_laptop"].map(|name| custody.number(name))
    };
    assert_eq!(counts(), [4, 4, 4, 0]);

    van.run(&["amend", corrected, "--set", "notes=ditulis ulang"]);
    van.run(&["amend", withdrawn, "--set", "status=cancelled", "--reason", "keliru"]);
    let refused = van.call(&["case", "handled", explained, "--reason", " "]).run().exited(1);
    assert!(refused.stderr.contains("--reason"), "{refused}");
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    let page = reader.get("/needs-you");
    let rows = van.run(&["case", "list", "--needs-you"]).lines;
    let row = rows.iter().find(|row| row["slip"] == explained && row["rule"].is_string());
    let change = row.expect("it is held")["change"].as_str().expect("a hash").to_owned();
    let token = hidden(&page, "csrf").expect("a token").to_owned();
    let post = |text: &str| {
        let fields = format!("case={change}&change={change}&do=handled&text={text}");
        reader.post("/needs-you", &token, &fields)
    };
    assert!(post("+").starts_with("HTTP/1.1 422"));
    assert!(post("sudah+lewat+telepon").starts_with("HTTP/1.1 303"));
    assert!(post("lagi").starts_with("HTTP/1.1 422"), "nothing of it is left to be dealt with");
    assert_eq!(counts()[..2], [1, 4], "the hub holds them still");

    let need = van.run(&["case", "list", "--needs-you"]);
    let rows: Vec<_> = need.lines.iter().filter(|row| row["reason"].is_string()).collect();
    assert_eq!(
        (rows.len(), &rows[0]["slip"], &rows[0]["handled"]),
        (4, &json!(left), &Value::Null),
        "{need}"
    );
    let said = rows.iter().find(|row| row["slip"] == explained).expect("it is listed");
    assert_eq!(said["handled"]["why"], "sudah lewat telepon", "{said}");
    for (language, title, mark) in [
        ("id", "Sudah Anda tangani, menunggu pusat", "Ditahan pusat"),
        ("en", "You have dealt with these", "Held by the hub"),
    ] {
        van.run(&["settings", "set", "language", language]);
        let page = reader.get("/needs-you");
        let (open, handled) = page.split_once(title).expect("a part of what is dealt with");
        assert!(open.contains(left) && !open.contains(explained), "{page}");
        assert!([corrected, withdrawn, explained].iter().all(|slip| handled.contains(slip)), "{page}");
        assert!(handled.contains("sudah lewat telepon"), "{page}");
        // What is held never looks as if all of it had arrived.
        let found = reader.get("/find?q=Corrected");
        assert!(found.contains(mark) && reader.get("/custody").contains(mark), "{found}");
    }
    running.terminate().done();

    // The answers arrive, and what they answer stays held until the hub releases it.
    sync(&van);
    assert_eq!(counts(), [1, 4, 4, 0]);
    assert_eq!(shown(stage.hub.run(&["case", "show", withdrawn]))["status"], "cancelled");
    let told = shown(van.run(&["case", "show", corrected]));
    assert!(told["quarantine"][0]["handled"]["at"].is_string(), "{told}");
    assert_eq!(told["status"], "received", "{told}");
}

/// What a laptop says first.
pub(crate) fn hello(station: &Station, log: Cursor) -> Vec<u8> {
    Frame::Hello(Hello {
        versions: vec![VERSION],
        schema: document::SCHEMA,
        epoch: station.epoch,
        log,
        receipt: None,
        feed_epoch: None,
        feed: Cursor::default(),
        feed_signature: Vec::new(),
        partial: None,
        scope: Sum::default(),
        holds: 0,
        clock: Timestamp(1_795_200_000_000),
        eager: false,
        program: "0".to_owned(),
        packs: None,
        dictionaries: None,
        places: None,
    })
    .to_bytes()
}

/// Who dials with the laptop's key.
pub(crate) fn caller(station: Station, endpoint: quinn::Endpoint) -> Caller {
    Caller {
        endpoint,
        meter: Meter::default(),
        hub: station.place.as_ref().expect("it is enrolled").hub_key,
        key: Arc::new(station.key),
        transport: Arc::new(quic::transport(Side::Van { keep_alive: None })),
        keep_alive: None,
        networks: Networks::default(),
        now: Timestamp(0),
    }
}

/// Connects with the laptop's key, says hello and then `control` and `batch`; how the hub ended it.
async fn speak(stage: &Stage, van: &Van, control: &[u8], batch: &[u8]) -> (Option<CloseCode>, String) {
    let (store, station) = break_open(van.home());
    let log =
        log::find(store.reader(), &station.log()).expect("it reads").map(|log| log.head).unwrap_or_default();
    let hello = hello(&station, log);
    let caller = caller(station, quic::van_endpoint(&Meter::default()).expect("a socket"));
    let addresses = [stage.running().addr("quic").into()];
    let dialled = dial(&caller, &addresses, std::time::Duration::from_secs(20).into()).await;
    let Wire::Quic(link) = dialled.expect("the hub answers").wire else { panic!("TCP was quicker") };
    let (mut send, _receive) = link.open_bi().await.expect("a stream");
    let mut batches = link.open_uni().await.expect("a stream");
    let said = async {
        send.write_all(&hello).await?;
        send.write_all(control).await?;
        batches.write_all(batch).await
    };
    // The hub may well have closed before everything was said.
    drop(said.await);
    let ended = link.closed().await;
    let quinn::ConnectionError::ApplicationClosed(close) = ended else { return (None, ended.to_string()) };
    let code = u32::try_from(close.error_code.into_inner()).ok().and_then(CloseCode::from_value);
    (code, String::from_utf8_lossy(&close.reason).into_owned())
}

#[test]
fn garbage_on_the_wire_is_kept_as_evidence_and_the_hub_lives() {
    let stage = Stage::open();
    let (bad, good) = (stage.van("bad", "V01"), stage.van("good", "V02"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut random = Random::new(8);
    let mut noise = vec![0; 5_000];
    random.fill(&mut noise);
    let (_, station) = break_open(bad.home());
    let batch = |log: LogName, body: &[u8], total: u64| {
        let digest = *blake3::hash(body).as_bytes().first_chunk().expect("32 bytes");
        let start = Frame::BatchStart { log, digest, total, offset: 0 }.to_bytes();
        let data = body.chunks(16_000).flat_map(|data| Frame::BatchData(data.to_vec()).to_bytes());
        [start, data.collect()].concat()
    };
    let own = station.log();
    let foreign = LogName { author: shared::id::DeviceId(2), ..own };
    // An unknown frame that may not be skipped; a known one cut off; one over the limit.
    let unknown = [vec![0x3f, 4], noise[..4].to_vec()].concat();
    let huge = [&[0x01][..], &[0xff; 12]].concat();
    for (what, control, batches, kept) in [
        ("an unknown frame", unknown.clone(), Vec::new(), true),
        ("a frame without end", huge, Vec::new(), true),
        ("noise as a batch", Vec::new(), batch(own, &noise, noise.len() as u64), true),
        ("a batch without end", Vec::new(), batch(own, &noise, u64::MAX), false),
        ("another laptop's batch", Vec::new(), batch(foreign, &noise, noise.len() as u64), false),
        ("an unknown frame among batches", Vec::new(), unknown.clone(), true),
    ] {
        let before = stage.hub.run(&["status"]).number("debris");
        let (code, reason) = runtime.block_on(speak(&stage, &bad, &control, &batches));
        assert!(matches!(code, Some(CloseCode::Protocol | CloseCode::Limit)), "{what}: {code:?} {reason}");
        assert!(!reason.is_empty());
        let after = stage.hub.run(&["status"]).number("debris");
        assert_eq!(after - before, u64::from(kept), "{what}: {code:?} {reason}");
    }
    let held = stage.hub.run(&["quarantine", "list"]).lines;
    for row in &held {
        assert_eq!((&row["kind"], &row["laptop"]), (&json!("bytes"), &json!("V01A")), "{row}");
        let shown = stage.hub.run(&["quarantine", "show", row["id"].as_str().expect("an id")]);
        assert!(shown.json()["begins"].as_str().is_some_and(|hex| !hex.is_empty()), "{shown}");
    }
    case(&good, json!({"name": "Good"}));
    sync(&good);
    case(&bad, json!({"name": "The Program Itself Is Good"}));
    sync(&bad);
    assert_eq!(stage.hub_cases().len(), 2);
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn a_stolen_seed_opens_nothing_after_the_revocation() {
    let stage = Stage::open();
    let bad = stage.van("bad", "V01");
    stage.hub.run(&["device", "lost", "V01A"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (code, reason) = runtime.block_on(speak(&stage, &bad, &[], &[]));
    assert_eq!(code, Some(CloseCode::Revoked), "{reason}");
}
