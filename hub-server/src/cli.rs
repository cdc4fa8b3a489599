//! What a person may type.

mod lease;
mod question;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::{
    id::{DistrictCode, UnitId},
    identity::ticket::Address,
    registry,
};
use van_agent::host::{
    cases::{Export, Find},
    log::LogArgs,
    slips::Verify,
};

pub use self::{
    lease::{Blank, Grant, Lease, Survey},
    question::Question,
};

/// Where `run` listens for laptops unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 4433);
/// Where `run` shows its page unless told otherwise.
const WEB: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4480);

/// The hub of a district: takes what the vans recorded, and gives each van what it needs.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "hub-server",
    version,
    after_help = "Example:\n  hub-server init --district 53.02 --advertise hub.example.go.id:4433\n  hub-server run"
)]
pub struct Cli {
    /// Folder that holds everything of this hub.
    #[arg(long, global = true, env = "HUB_SERVER_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Answer with one JSON value a line.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Set up a hub for a district.
    #[command(
        after_help = "Example:\n  hub-server init --district 53.02 --name \"Dukcapil TTS\" --advertise hub.example.go.id:4433"
    )]
    Init(Init),
    /// Serve laptops until told to stop (Ctrl-C, SIGTERM).
    #[command(after_help = "Example:\n  hub-server run --listen 0.0.0.0:4433 --web 127.0.0.1:4480")]
    Run(Run),
    /// Make a ticket that lets one laptop in, once, within a day.
    #[command(after_help = "Example:\n  hub-server invite --unit V01")]
    Invite(Invite),
    /// Laptops: list them, shut them out, let them back in.
    #[command(subcommand, after_help = "Example:\n  hub-server device list\n  hub-server device revoke V01A")]
    Device(Device),
    /// Cases: list, show, amend, export.
    #[command(subcommand, after_help = "Example:\n  hub-server case show 53.02/V01A/20261121/0042-E")]
    Case(Case),
    /// Questions of officers about cases: list, answer.
    #[command(
        subcommand,
        after_help = "Example:\n  hub-server question list\n  hub-server question answer 53.02/V01A/20261121/0042-E --words \"the name on the deed\""
    )]
    Question(Question),
    /// Find cases by words of a name, a number or a place.
    #[command(after_help = "Example:\n  hub-server find nahak soe")]
    Find(Find),
    /// Persons: list, or say which documents are of the same person.
    #[command(
        subcommand,
        after_help = "Example:\n  hub-server person list nahak\n  hub-server person same ID ID --reason \"seen together\""
    )]
    Person(Person),
    /// Seals of laptops' days: list what the hub has of each, take one by typing.
    #[command(subcommand, after_help = "Example:\n  hub-server seal list")]
    Seal(Seal),
    /// Dictionaries of packed batches: add a newer one, list them.
    #[command(subcommand, after_help = "Example:\n  hub-server dictionary list")]
    Dictionary(Dictionary),
    /// Slips that citizens bring.
    #[command(subcommand, after_help = "Example:\n  hub-server slip verify --image photo.jpg")]
    Slip(Slip),
    /// Bundles: take in what a stick brought, write receipts for its way home.
    #[command(
        subcommand,
        after_help = "A bundle holds citizens' data and is NOT encrypted: keep the stick as you keep the forms.\n\nExample:\n  hub-server bundle import /media/usb/keliling-V01A-20261122-081500.bundle\n  hub-server bundle export --unit V01 /media/usb/hub.bundle"
    )]
    Bundle(Bundle),
    /// Numbers and serials of blanks that are lent to units and laptops.
    #[command(
        subcommand,
        after_help = "Example:\n  hub-server lease grant --unit V01 --kind KTP-EL --from 000001 --to 000100\n  hub-server lease list"
    )]
    Lease(Lease),
    /// Numbered blanks by unit: what came aboard, what became of it, what is wrong.
    #[command(subcommand, after_help = "Example:\n  hub-server blank list")]
    Blank(Blank),
    /// What citizens answered in the satisfaction survey: index and grade by visit, and by unit pooled.
    #[command(subcommand, after_help = "Example:\n  hub-server survey show")]
    Survey(Survey),
    /// What was refused, and why.
    #[command(subcommand, after_help = "Example:\n  hub-server quarantine list")]
    Quarantine(Quarantine),
    /// Villages, service points, services and the rest that the hub decides.
    #[command(subcommand, after_help = "Example:\n  hub-server registry import --kind villages villages.csv")]
    Registry(Registry),
    /// How the hub is: laptops, cases, what is held, what waits.
    #[command(after_help = "Example:\n  hub-server status --json")]
    Status,
    /// Check the database; rebuild what can be rebuilt.
    #[command(after_help = "Example:\n  hub-server doctor --rebuild")]
    Doctor(Doctor),
    /// Copy the database into a file, also while the hub runs. The file holds the hub's key: keep it safe. Attachments
    /// are not in it: copy their folder, which the answer names, with a program for files.
    #[command(after_help = "Example:\n  hub-server backup /media/usb/hub-2026-11-21.db")]
    Backup(Backup),
    /// Put a backup in place of the database. The laptops then bring what the backup lacks.
    #[command(after_help = "Example:\n  hub-server restore /media/usb/hub-2026-11-21.db")]
    Restore(Backup),
    /// Write a shell's completions to standard output.
    #[command(after_help = "Example:\n  hub-server completions bash > /etc/bash_completion.d/hub-server")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Options of `init`.
#[derive(Args, Clone, Debug)]
pub struct Init {
    /// Code of the district (kabupaten/kota), as 53.02.
    #[arg(long, value_name = "CODE")]
    pub district: DistrictCode,
    /// What the hub calls itself to people; the district's name where it is known.
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    #[command(flatten)]
    pub advertise: Advertise,
}

/// Where laptops are told to look for the hub.
#[derive(Args, Clone, Debug)]
pub struct Advertise {
    /// Address at which laptops reach this hub; may be given several times, best first.
    #[arg(long, value_name = "HOST:PORT")]
    pub advertise: Vec<Address>,
}

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Address to listen on for laptops, in UDP and in TCP; port 0 for any that is free in both.
    #[arg(long, value_name = "IP:PORT", default_value_t = LISTEN)]
    pub listen: SocketAddr,
    /// Loopback address of the operator's page; port 0 for any.
    #[arg(long, value_name = "IP:PORT", default_value_t = WEB)]
    pub web: SocketAddr,
    #[command(flatten)]
    pub advertise: Advertise,
}

/// Options of `invite`.
#[derive(Args, Clone, Debug)]
pub struct Invite {
    /// The unit that the laptop will work in.
    #[arg(long, value_name = "UNIT")]
    pub unit: UnitId,
}

/// What to do with bundles.
#[derive(Subcommand, Clone, Debug)]
pub enum Bundle {
    /// Take in what laptops wrote, from a stick.
    #[command(
        after_help = "Example:\n  hub-server bundle import /media/usb/keliling-V01A-20261122-081500.bundle"
    )]
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Write the hub's receipts for laptops, to be brought home by a stick.
    #[command(after_help = "Example:\n  hub-server bundle export --unit V01 /media/usb/hub.bundle")]
    Export {
        /// For the laptops of this unit; of all units, unless given.
        #[arg(long, value_name = "UNIT")]
        unit: Option<UnitId>,
        /// A file that is not there yet.
        file: PathBuf,
    },
}

/// What to do with laptops.
#[derive(Subcommand, Clone, Debug)]
pub enum Device {
    /// List all laptops.
    #[command(after_help = "Example:\n  hub-server device list --json")]
    List,
    /// Shut a laptop out for good; its connection is cut at once.
    #[command(after_help = "Example:\n  hub-server device revoke V01A")]
    Revoke(DeviceName),
    /// Shut a laptop out for now.
    #[command(after_help = "Example:\n  hub-server device suspend 3")]
    Suspend(DeviceName),
    /// Let a suspended laptop back in.
    #[command(after_help = "Example:\n  hub-server device resume 3")]
    Resume(DeviceName),
    /// Shut a laptop out that nobody can find.
    #[command(after_help = "Example:\n  hub-server device lost V02B")]
    Lost(DeviceName),
}

/// Which laptop.
#[derive(Args, Clone, Debug)]
pub struct DeviceName {
    /// Its number, or its unit and letter, as V01A.
    pub device: String,
}

/// What to do with cases.
#[derive(Subcommand, Clone, Debug)]
pub enum Case {
    /// Write all cases, one a line.
    #[command(after_help = "Example:\n  hub-server case list --format csv > cases.csv")]
    List {
        /// Form of the lines; text for people where it is left out.
        #[arg(long, value_enum)]
        format: Option<ListFormat>,
        /// At most so many, newest first.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Show all of one case.
    #[command(after_help = "Example:\n  hub-server case show 53.02/V01A/20261121/0042-E")]
    Show(CaseName),
    /// Change fields of a case, with a reason.
    #[command(
        after_help = "Example:\n  hub-server case amend 53.02/V01A/20261121/0042-E --as-agency DUK \\\n    --set status=forwarded --set reference=472/118 --reason \"batch of 21 November\""
    )]
    Amend(Amend),
    /// Mark products ready for hand-over, all of them in one transaction, for the unit that is to take them along.
    #[command(
        after_help = "Without --unit it stays with the unit that was named last, or else with the one that took the case in; the answer\nsays which.\n\nExample:\n  hub-server case ready 53.02/V01A/20261121/0042-E --unit V02 --as-agency DUK"
    )]
    Ready {
        /// Slip numbers or ids.
        #[arg(value_name = "CASE", required = true)]
        cases: Vec<String>,
        /// The unit.
        #[arg(long, value_name = "UNIT")]
        unit: Option<UnitId>,
        /// The agency in whose name, as DUK.
        #[arg(long, value_name = "AGENCY")]
        as_agency: String,
    },
    /// What is ready for a unit, and what is aboard of it by what has arrived here.
    #[command(after_help = "Example:\n  hub-server case manifest V02 --json")]
    Manifest {
        /// The unit.
        unit: UnitId,
    },
    /// Write an attachment of a case to a file.
    #[command(
        after_help = "Example:\n  hub-server case attachment 53.02/V01A/20261121/0042-E 4f1c09aa --out ktp.jpg"
    )]
    Attachment {
        /// Slip number or id.
        case: String,
        /// The beginning of its id as `case show` gives it, or its name.
        attachment: String,
        /// The file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The small picture of it instead.
        #[arg(long)]
        thumbnail: bool,
    },
    /// Write a case to a file.
    #[command(
        after_help = "Example:\n  hub-server case export 53.02/V01A/20261121/0042-E --format automerge --out case.automerge"
    )]
    Export(Export),
}

/// Which case.
#[derive(Args, Clone, Debug)]
pub struct CaseName {
    /// Slip number or id.
    pub case: String,
}

/// Options of `case amend`.
#[derive(Args, Clone, Debug)]
pub struct Amend {
    /// Slip number or id.
    pub case: String,
    /// A field and its new value; may be given several times.
    #[arg(long, value_name = "FIELD=VALUE", required = true)]
    pub set: Vec<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The agency in whose name a status is set, as DUK.
    #[arg(long, value_name = "AGENCY")]
    pub as_agency: Option<String>,
}

/// Form of a list.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListFormat {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated, with a first line of names.
    Csv,
}

/// What to do with persons.
#[derive(Subcommand, Clone, Debug)]
pub enum Person {
    /// List persons that match all words; all persons without any.
    #[command(after_help = "Example:\n  hub-server person list nahak")]
    List {
        /// Beginnings of words.
        text: Vec<String>,
        /// At most so many.
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
    },
    /// Say that two documents are of one person.
    #[command(after_help = "Example:\n  hub-server person same ID ID --reason \"family card seen\"")]
    Same(PersonPair),
    /// Say that two documents are of different persons.
    #[command(after_help = "Example:\n  hub-server person different ID ID --reason \"sisters\"")]
    Different(PersonPair),
}

/// Two persons and a reason.
#[derive(Args, Clone, Debug)]
pub struct PersonPair {
    /// Id of one.
    pub person: String,
    /// Id of the other.
    pub other: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// What to do with seals.
#[derive(Subcommand, Clone, Debug)]
pub enum Seal {
    /// Take a seal that came by SMS, by voice or from its QR, and tell what the hub has of it.
    #[command(
        after_help = "Example:\n  hub-server seal add 04000003A4N0000 ...\n  hub-server seal add - < seal.txt\n  hub-server seal add --image photo.jpg"
    )]
    Add {
        /// Its characters, in groups or not; `-` for standard input.
        #[arg(required_unless_present = "image", num_args = 1..)]
        text: Vec<String>,
        /// A photo or scan of its QR, JPEG or PNG.
        #[arg(long, value_name = "FILE", conflicts_with = "text")]
        image: Option<PathBuf>,
    },
    /// List all seals: who signed, what the hub has of each, and what is missing.
    #[command(after_help = "Example:\n  hub-server seal list --json")]
    List,
}

/// What to do with dictionaries.
#[derive(Subcommand, Clone, Debug)]
pub enum Dictionary {
    /// Keep a dictionary for ever, as the newest: laptops fetch it behind all records, and batches are written
    /// with it from the exchange after that one.
    #[command(after_help = "Example:\n  hub-server dictionary add batches.zdict")]
    Add {
        /// What `scripts/dictionary` trained.
        file: PathBuf,
    },
    /// All that were added, the newest first.
    #[command(after_help = "Example:\n  hub-server dictionary list --json")]
    List,
}

/// What to do with slips.
#[derive(Subcommand, Clone, Debug)]
pub enum Slip {
    /// Whether a slip is true, by its QR; exits 1 where it is not. Says whether a newer one has taken its place
    /// (diganti), and whether its laptop was revoked or lost.
    #[command(
        after_help = "Example:\n  hub-server slip verify KLS1-0400...\n  hub-server slip verify --image photo.jpg --name \"O'a Mate\""
    )]
    Verify(Verify),
}

/// What to do with the quarantine.
#[derive(Subcommand, Clone, Debug)]
pub enum Quarantine {
    /// List what is held.
    #[command(after_help = "Example:\n  hub-server quarantine list --json")]
    List,
    /// Show one held change as operations, or held bytes.
    #[command(
        after_help = "Example:\n  hub-server quarantine show 4f1c\n  hub-server quarantine show bytes-3"
    )]
    Show {
        /// Its id, or the beginning of it, as listed.
        id: String,
    },
    /// Let in what a revoked or lost laptop had not handed over before, once a person has judged it.
    #[command(
        after_help = "Example:\n  hub-server quarantine release V01A\n  hub-server quarantine release 4f1c"
    )]
    Release {
        /// A laptop, for all that it left behind; or one id, or the beginning of it, as listed.
        what: String,
    },
}

/// What to do with registries.
#[derive(Subcommand, Clone, Debug)]
pub enum Registry {
    /// List the registries in force.
    #[command(after_help = "Example:\n  hub-server registry list")]
    List,
    /// Take rows from a file; nothing is taken where one row is wrong. Of a pre-list the sound rows are taken; they
    /// take the place of the list before, so a file with the heading alone empties it.
    #[command(
        after_help = "Example:\n  hub-server registry import --kind service_points points.geojson --replace"
    )]
    Import {
        /// Which: villages, service_points, services, holidays, units, officers, prelist.
        #[arg(long, value_name = "KIND")]
        kind: registry::Kind,
        /// The file: .csv, .json or .geojson.
        file: PathBuf,
        /// Drop rows that the file does not name.
        #[arg(long)]
        replace: bool,
    },
}

/// Options of `doctor`.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// Build everything anew that can be built from the logs.
    #[arg(long)]
    pub rebuild: bool,
}

/// A backup's file.
#[derive(Args, Clone, Debug)]
pub struct Backup {
    /// The file.
    pub file: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn look(command: &clap::Command, path: &str, without: &mut Vec<String>) {
            let path = format!("{path} {}", command.get_name());
            if command.get_after_help().is_none() {
                without.push(path.clone());
            }
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                look(sub, &path, without);
            }
        }
        let mut without = Vec::new();
        look(&Cli::command(), "", &mut without);
        assert_eq!(without, Vec::<String>::new());
    }

    #[test]
    fn home_is_taken_before_and_after_the_command() {
        for line in [&["hub-server", "--home", "/h", "status"], &["hub-server", "status", "--home", "/h"]] {
            assert_eq!(Cli::try_parse_from(line).expect("parses").home, Some(PathBuf::from("/h")));
        }
    }
}
