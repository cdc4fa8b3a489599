//! Disks that run full: a clear word, nothing half there, and on again once there is room.
//!
//! A small disk is a tmpfs, which takes the right to mount. Without it `KELILING_NO_MOUNT=1` leaves these out.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;
use tests::{
    page::{Reader, hidden},
    process::{Hub, Van},
};

use crate::stage::{Stage, case, copy, day, ids, line, record, recording, sync, van_cases};

/// A small disk, gone when dropped.
pub(crate) struct Disk {
    pub(crate) at: PathBuf,
}

impl Disk {
    /// A disk of so many KiB at `at`; `None` where these journeys are left out.
    pub(crate) fn mount(at: &Path, kilobytes: u64) -> Option<Self> {
        if std::env::var_os("KELILING_NO_MOUNT").is_some() {
            eprintln!("not shown: KELILING_NO_MOUNT is set");
            return None;
        }
        std::fs::create_dir_all(at).expect("a folder");
        let disk = Self { at: at.to_owned() };
        assert!(
            disk.mounted(&format!("size={kilobytes}k"), &["-t", "tmpfs", "tmpfs"]),
            "no tmpfs can be mounted: run as root (or in a namespace with that right), or set KELILING_NO_MOUNT=1"
        );
        Some(disk)
    }

    /// Makes the disk larger.
    fn grow(&self, kilobytes: u64) {
        assert!(self.mounted(&format!("remount,size={kilobytes}k"), &[]), "it grows");
    }

    fn mounted(&self, options: &str, more: &[&str]) -> bool {
        let mount = Command::new("mount").arg("-o").arg(options).args(more).arg(&self.at).status();
        mount.is_ok_and(|status| status.success())
    }

    /// Fills what is free, but for `spare` KiB.
    fn fill(&self, spare: u64) {
        let output =
            Command::new("df").arg("-k").arg("--output=avail").arg(&self.at).output().expect("df runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let free: u64 = text.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
        let bytes = vec![1; usize::try_from(free.saturating_sub(spare) * 1_024).expect("it is small")];
        match std::fs::write(self.at.join("ballast"), bytes) {
            Err(error) if error.kind() != ErrorKind::StorageFull => panic!("{error}"),
            // A program that writes meanwhile leaves less.
            Ok(()) | Err(_) => {}
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A disk that is still in use is left to the system.
        drop(Command::new("umount").arg("-l").arg(&self.at).status());
    }
}

#[test]
fn a_laptop_whose_disk_is_full_says_so_and_goes_on_later() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("disk"), 40_000) else { return };
    let van = Van::enroll(disk.at.join("van"), &stage.hub.invite("V01"));
    van.record(&day(50, 71, "V01"));
    sync(&van);
    let before = van_cases(&van);
    disk.fill(900);
    let full = recording(&van, day(1_500, 72, "V01")).run().exited(1);
    assert!(
        full.stderr.contains("disk is full") && full.stderr.contains("What to do")
            || full.stderr.contains("\"next\""),
        "{}",
        full.stderr
    );
    let mut told: BTreeSet<String> = ids(&full);
    assert!(
        full.number("saved") > 0 && full.number("unsaved_from") > full.number("saved"),
        "{}",
        full.stderr
    );
    assert_eq!(told.len() as u64, full.number("saved"));
    told.extend(before);
    // Reading works, and shows exactly what was reported.
    assert_eq!(van_cases(&van), told);
    van.run(&["find", "dusun"]);
    van.run(&["custody"]);
    let again = record(&van, &[line(json!({"name": "x".repeat(60), "notes": "y".repeat(3_900)}))]);
    if again.code != Some(0) {
        assert!(again.stderr.contains("disk is full"), "{again}");
    } else {
        told.append(&mut ids(&again));
    }
    disk.grow(120_000);
    case(&van, json!({"name": "There Is Room Again"}));
    assert_eq!(van.run(&["doctor"]).json()["ok"], true);
    sync(&van);
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    assert_eq!(stage.hub_cases().len(), told.len() + 1);
}

#[test]
fn a_disk_without_any_room_still_shows_what_is_there() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("disk"), 40_000) else { return };
    let van = Van::enroll(disk.at.join("van"), &stage.hub.invite("V01"));
    let slip = case(&van, json!({"name": "Bete"}));
    let before = van_cases(&van);
    disk.fill(0);
    assert_eq!(van_cases(&van), before);
    van.run(&["case", "show", &slip]);
    van.run(&["find", "bete"]);
    assert_eq!(van.run(&["custody"]).number("on_laptop"), 1);
    let full = van.call(&["amend", &slip, "--set", &format!("notes={}", "x".repeat(3_000))]).run().exited(1);
    assert!(full.stderr.contains("disk is full"), "{full}");
    let full = record(&van, &[line(json!({"name": "No Room"}))]).exited(1);
    assert!(full.stderr.contains("disk is full") || full.stderr.contains("No space left"), "{full}");
    assert_eq!(van_cases(&van), before);
    // What room was kept is enough to hand over.
    sync(&van);
    assert_eq!((stage.hub_cases(), van.run(&["custody"]).number("at_hub")), (before, 1));
    std::fs::remove_file(disk.at.join("ballast")).expect("it was there");
    case(&van, json!({"name": "Room"}));
    sync(&van);
    assert_eq!(stage.hub_cases().len(), 2);
    disk.fill(0);
    let other = Van::at(disk.at.join("other"));
    let full = other.call(&["enroll", &stage.hub.invite("V02")]).run().exited(1);
    assert!(full.stderr.contains("disk is full") && full.stderr.contains("What to do: free"), "{full}");
}

#[test]
fn a_form_that_finds_no_room_stays_on_the_page_until_there_is() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("disk"), 40_000) else { return };
    let van = Van::enroll(disk.at.join("van"), &stage.hub.invite("V01"));
    let mut running = van.start(&[]);
    // Its first exchange is over: no other takes the room that is kept for one.
    running.log("reconciled");
    let reader = Reader::of(&running);
    let page = reader.get("/record");
    let (token, form) = (hidden(&page, "csrf").expect("a token"), hidden(&page, "form").expect("a form"));
    let long = "catatan-panjang-".repeat(240);
    let typed = [
        ("name", "Tak+Ada+Tempat"),
        ("sex", "P"),
        ("born", "1990"),
        ("village", "53.02.01.1001"),
        ("officer", "P-07"),
        ("service", "DUK-KK"),
        ("notes", &long),
    ];
    let fields = typed.map(|(name, text)| format!("{name}={text}")).join("&");
    let press = |what: &str| reader.post("/record", token, &format!("form={form}&do={what}&{fields}"));
    disk.fill(0);
    for what in ["save", "later", "next", "forget", "aloud"] {
        let answer = press(what);
        assert!(answer.starts_with("HTTP/1.1 507"), "{what}: {answer}");
        let notice = answer.split_once("role=\"alert\"").map_or("", |(_, rest)| rest);
        let notice = notice.split("</p>").next().unwrap_or_default();
        assert!(
            ["Disk laptop ini PENUH", "tekan simpan lagi", "tidak hilang"]
                .iter()
                .all(|part| notice.contains(part)),
            "{what}: {answer}"
        );
        for (name, text) in typed {
            let text = text.replace('+', " ");
            assert!(answer.contains(&text), "{what}: {name} is gone: {answer}");
        }
        assert_eq!(hidden(&answer, "form"), Some(form), "{what}");
        assert!(
            answer.contains("data-only-here"),
            "{what}: the page is to keep it once there is room: {answer}"
        );
    }
    let kept = reader.post("/record/keep", token, &format!("form={form}&{fields}"));
    assert!(kept.starts_with("HTTP/1.1 507") && kept.contains("Disk laptop ini PENUH"), "{kept}");
    assert!(van_cases(&van).is_empty());
    std::fs::remove_file(disk.at.join("ballast")).expect("it was there");
    let saved = press("save");
    assert!(saved.starts_with("HTTP/1.1 303") && saved.contains("/saved/"), "{saved}");
    assert_eq!(van_cases(&van).len(), 1);
    running.terminate().done();
}

#[test]
fn other_forms_that_find_no_room_stay_on_their_pages() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("disk"), 40_000) else { return };
    let van = Van::enroll(disk.at.join("van"), &stage.hub.invite("V01"));
    let visit = van.run(&["visit", "open", "Pasar"]).text("visit");
    let mut running = van.start(&[]);
    running.log("reconciled");
    let reader = Reader::of(&running);
    let page = reader.get("/record");
    let token = hidden(&page, "csrf").expect("a token");
    let scores = "&sheet-0=3".repeat(9);
    let survey = format!("batch=00112233aabbccdd&visit={visit}{scores}");
    disk.fill(0);
    for (place, fields, typed) in [
        ("/visits", "label=Lapangan+Bola", "Lapangan Bola"),
        ("/survey", survey.as_str(), "name=\"sheet-0\" value=\"3\""),
        ("/blanks", "do=enter&act=received&kind=KTP-EL&from=A000123&to=A000200", "A000123"),
        ("/settings", "officers=Maria+Taek", "Maria Taek"),
    ] {
        let answer = reader.post(place, token, fields);
        assert!(answer.contains("Disk laptop ini PENUH") && answer.contains(typed), "{place}: {answer}");
    }
    running.terminate().done();
}

#[test]
fn a_hub_whose_disk_is_full_takes_nothing_and_stays_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::mount(&folder.path().join("disk"), 60_000) else { return };
    let stage = on_disk(folder, &disk);
    // A human must come: the hub says so at ERROR.
    stage.running().announce("store what a laptop sent");
    let (early, late) = (stage.van("early", "V01"), stage.van("late", "V02"));
    early.record(&day(30, 81, "V01"));
    sync(&early);
    let held = stage.hub_cases();
    disk.fill(200);
    late.record(&day(500, 82, "V02"));
    let failed = late.call(&["sync", "--json", "--patience", "10s"]).run().exited(1);
    assert!(failed.text("error").contains("disk is full"), "{failed}");
    assert!(failed.text("next").contains("tell the hub operator"), "{failed}");
    let custody = late.run(&["custody"]);
    let there = stage.hub_cases();
    assert!(there.is_superset(&held));
    assert!(custody.number("on_laptop") > 0, "{custody}");
    let claimed = custody.number("at_hub") as usize;
    assert!(claimed <= there.len(), "{claimed} claimed, {} there", there.len());
    late.call(&["custody", "--safe-to-wipe"]).run().exited(1);
    // The hub is up and can be read.
    stage.hub.run(&["find", "dusun"]);
    stage.hub.run(&["status"]);
    disk.grow(200_000);
    sync(&late);
    assert_eq!(stage.hub_cases().len(), 530);
    assert_eq!(late.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
    stage.stop();
}

/// A hub whose home is on the disk.
fn on_disk(folder: TempDir, disk: &Disk) -> Stage {
    let hub = Hub::init(disk.at.join("hub"), &[]);
    Stage::with(folder, hub)
}

#[test]
fn a_stick_that_is_full_is_told_and_nothing_half_stays_on_it() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("stick"), 400) else { return };
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let paper = stage.text("ktp.bin");
    std::fs::write(&paper, vec![7; 600_000]).expect("written");
    van.run(&["case", "attach", &slip, &paper, "--kind", "scan"]);
    let stick = disk.at.to_str().expect("UTF-8");
    // Records alone find room.
    let made = van.run(&["bundle", "export", stick]);
    assert_eq!((made.number("attachments"), made.number("attachments_left")), (0, 1), "{made}");
    assert!(made.number("own_changes") > 0, "{made}");
    assert_eq!(std::fs::read_dir(&disk.at).expect("a folder").count(), 1, "{made}");
    std::fs::write(disk.at.join("others"), vec![7; 500_000]).expect_err("it is full then");
    let failed = van.call(&["bundle", "export", stick]).run().exited(1);
    assert!(
        failed.stderr.contains("cannot be written") && failed.stderr.contains("free some space"),
        "{failed}"
    );
    assert_eq!(std::fs::read_dir(&disk.at).expect("a folder").count(), 2, "{failed}");
}

#[test]
fn a_backup_that_finds_no_room_leaves_nothing_behind() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("disk"), 400) else { return };
    let van = stage.van("van", "V01");
    van.record(&day(100, 91, "V01"));
    sync(&van);
    let file = disk.at.join("backup.db");
    let failed = stage.hub.call(&["backup", file.to_str().expect("UTF-8")]).run().exited(1);
    assert!(failed.stderr.contains("full") || failed.stderr.contains("space"), "{failed}");
    assert_eq!(std::fs::read_dir(&disk.at).expect("a folder").count(), 0, "{failed}");
    disk.grow(60_000);
    stage.hub.run(&["backup", file.to_str().expect("UTF-8")]);
    copy(stage.hub.home(), &stage.path("other"));
    let other = Hub::at(stage.path("other"));
    other.run(&["restore", file.to_str().expect("UTF-8")]);
    assert_eq!(ids(&other.run(&["case", "list"])), stage.hub_cases());
}
