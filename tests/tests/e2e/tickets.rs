//! Who is let in, and who is not.

use std::{net::UdpSocket, time::Instant};

use serde_json::json;
use shared::{
    identity::ticket::Ticket,
    store::{Store, StoreError, devices},
    time::Timestamp,
};
use tests::process::{Call, Hub, Program, Van};

use crate::stage::{Stage, case, sync};

#[test]
fn an_expired_ticket_lets_nobody_in() {
    let stage = Stage::open();
    let text = stage.hub.invite("V01");
    stage.stop();
    let ticket: Ticket = text.parse().expect("the hub's own");
    let mut store = Store::open(&stage.hub.home().join("keliling.db")).expect("the hub's store");
    let expired = store.commit(|tx| {
        let issued = devices::ticket(tx, &ticket.id().0)?.expect("it was given out");
        devices::withdraw_tickets(tx)?;
        devices::put_ticket(
            tx,
            &devices::Issued { expires: Timestamp(issued.expires.0 - 86_400_001), ..issued },
        )
    });
    expired.map_err(|error: StoreError| error).expect("written");
    drop(store);
    stage.start();
    // A ticket's own date is for people: the hub's books decide.
    for expires in [ticket.expires, Timestamp(ticket.expires.0 - 86_400_001)] {
        let text = Ticket { expires, ..ticket.clone() }.to_string();
        let van = Van::at(stage.path("van"));
        let output = van.call(&["enroll", &text]).run().exited(1);
        assert!(output.stderr.contains("expired") && output.stderr.contains("new ticket"), "{output}");
        assert!(van.call(&["record", "--name", "A"]).run().exited(1).stderr.contains("nothing is enrolled"));
    }
    assert_eq!(stage.hub.run(&["device", "list"]).lines.len(), 0);
}

#[test]
fn a_ticket_that_is_used_twice_raises_an_alarm() {
    let stage = Stage::open();
    let ticket = stage.hub.invite("V01");
    Van::enroll(stage.path("one"), &ticket);
    let second = Van::at(stage.path("two")).call(&["enroll", &ticket]).run().exited(1);
    assert!(second.stderr.contains("used before"), "{second}");
    stage.running().log("refuse a ticket");
    assert_eq!(stage.hub.run(&["device", "list"]).lines.len(), 1);
    // The first one is in and stays in; it does not enrol again.
    let again = Van::at(stage.path("one")).call(&["enroll", &ticket]).run().exited(1);
    assert!(again.stderr.contains("already enrolled"), "{again}");
    sync(&Van::at(stage.path("one")));
}

#[test]
fn a_foreign_or_mistyped_ticket_is_told_apart() {
    let stage = Stage::open();
    let other = Hub::init(stage.path("other"), &[]);
    let elsewhere = other.start(&[]);
    let ticket: Ticket = stage.hub.invite("V01").parse().expect("the hub's own");
    let foreign: Ticket = other.invite("V01").parse().expect("the other hub's own");
    let enroll = |text: &str| Van::at(stage.path("van")).call(&["enroll", text]).run().exited(1);

    // The secret of another hub's ticket, at this hub.
    let mixed = Ticket { secret: foreign.secret.clone(), ..ticket.clone() };
    let unknown = enroll(&mixed.to_string());
    assert!(unknown.stderr.contains("gave out no such ticket"), "{unknown}");
    // Another hub answers where this one should.
    let astray = Ticket { addresses: foreign.addresses.clone(), ..ticket.clone() };
    let stranger = enroll(&astray.to_string());
    assert!(stranger.stderr.contains("does not hold the key"), "{stranger}");

    let text = ticket.to_string();
    let at = text.len() / 2;
    let turned = if &text[at..=at] == "7" { "8" } else { "7" };
    let typo = [&text[..at], turned, &text[at + 1..]].concat();
    for (wrong, words) in [
        (typo.as_str(), "wrong character"),
        (&text[..text.len() - 9], "cut short"),
        ("KLG1-!!!!", "cannot be in a ticket"),
        ("hello", "not a ticket"),
        ("KLG7-ABCD", "version 7"),
        ("", "not a ticket"),
    ] {
        let output = enroll(wrong);
        assert!(output.stderr.contains(words) && output.stderr.contains("What to do"), "{output}");
    }
    // Wrapped and in small letters it is the same ticket.
    let wrapped = format!("{} {}", &text[..at].to_lowercase(), &text[at..]);
    Van::enroll(stage.path("van"), &wrapped);
    assert_eq!(other.run(&["device", "list"]).lines.len(), 0);
    elsewhere.terminate().done();
}

#[test]
fn another_hub_at_the_pinned_address_gets_nothing() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Nahak"}));
    let other = Hub::init(stage.path("other"), &[]);
    let elsewhere = other.start(&[]);
    stage.link.retarget(elsewhere.addr("quic"));
    let output = van.call(&["sync", "--json"]).run().exited(1);
    assert!(output.text("error").contains("does not hold the key pinned"), "{output}");
    assert!(output.stderr.contains("tell the hub operator"), "{output}");
    assert!(output.json()["seconds"].as_f64().is_some_and(|seconds| seconds < 10.0), "{output}");
    assert_eq!(van.run(&["custody"]).number("on_laptop"), 1);
    assert_eq!(other.run(&["case", "list"]).lines.len(), 0);
    elsewhere.terminate().done();
    stage.stop();
    stage.start();
    sync(&van);
    stage.hub.run(&["case", "show", &slip]);
}

#[test]
fn where_nobody_answers_it_is_told_soon_and_nothing_is_lost() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    case(&van, json!({"name": "Nahak"}));
    stage.link.cut();
    let began = Instant::now();
    let output = van.call(&["sync", "--patience", "1s", "--json"]).run().exited(1);
    assert!(began.elapsed().as_secs() < 10, "{output}");
    assert_eq!((&output.json()["ok"], output.number("bytes_down")), (&json!(false), 0), "{output}");
    assert!(output.text("error").contains("nobody answers"), "{output}");
    assert!(output.stderr.contains("stays saved"), "{output}");
    stage.link.restore();
    sync(&van);
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("at_hub"), 1);
}

/// A network namespace of its own takes the right to make one; `KELILING_NO_MOUNT=1` leaves this out too.
#[cfg(target_os = "linux")]
#[test]
fn a_laptop_without_any_network_is_told_at_once() {
    if std::env::var_os("KELILING_NO_MOUNT").is_some() {
        eprintln!("not shown: KELILING_NO_MOUNT is set");
        return;
    }
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let mut command = std::process::Command::new("unshare");
    command.arg("--net").arg(Program::Van.path()).args(["sync", "--json", "--home"]).arg(van.home());
    let began = Instant::now();
    let output = Call::of(command).run().exited(1);
    assert!(
        output.stderr.contains("no network here leads to"),
        "it takes root, or KELILING_NO_MOUNT=1: {output}"
    );
    assert!(began.elapsed().as_secs() < 10, "{output}");
    sync(&van);
}

#[test]
fn a_laptop_that_belongs_nowhere_is_told_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let van = Van::at(folder.path().join("van"));
    for arguments in [&["sync"][..], &["run"], &["record", "--name", "A"], &["visit", "open", "Pasar"]] {
        let output = van.call(arguments).run().exited(1);
        assert!(output.stderr.contains("van-agent enroll"), "{output}");
    }
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let hub = Hub::init(folder.path().join("hub"), &[]);
    let nowhere = hub.call(&["invite", "--unit", "V01"]).run().exited(1);
    assert!(nowhere.stderr.contains("--advertise") && nowhere.stderr.contains("--listen"), "{nowhere}");
    let advertised = Hub::init(
        folder.path().join("advertised"),
        &["--advertise", &silent.local_addr().expect("bound").to_string()],
    );
    let ticket = advertised.invite("V01");
    let output = van.call(&["enroll", &ticket, "--patience", "500ms"]).run().exited(1);
    assert!(output.stderr.contains("nobody answers"), "{output}");
}
