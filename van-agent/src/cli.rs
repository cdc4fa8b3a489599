//! What a person may type.

mod blank;
mod day;
mod handover;
mod question;
mod survey;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::{desk::amend::Setting, document::attachment};

use crate::{
    budget,
    host::{
        cases::{Export, Find},
        log::LogArgs,
        slips::Verify,
    },
    settings::Setting as LaptopSetting,
};

pub use self::{
    blank::{Blank, BlankRange},
    day::{Day, Visit},
    handover::HandOver,
    question::Question,
    survey::Survey,
};

/// Where `run` shows its page unless told otherwise: a port of the system's choice.
const WEB: &str = "127.0.0.1:0";

/// Records what was delivered in a village, offline, and hands it over to the hub when there is a network.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "van-agent",
    version,
    after_help = "Example:\n  van-agent enroll KLG1-...\n  van-agent record --file day.ndjson\n  van-agent sync"
)]
pub struct Cli {
    /// Folder that holds everything of this laptop.
    #[arg(long, global = true, env = "VAN_AGENT_HOME", value_name = "DIR")]
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
    /// Let this laptop into a district with a ticket of its hub; ends ready to work offline.
    #[command(after_help = "Example:\n  van-agent enroll KLG1-2X4S...")]
    Enroll(Enroll),
    /// Record cases: one by flags, or many from a file.
    #[command(
        after_help = "Example:\n  van-agent record --name \"O'a Mate\" --sex P --village 53.02.01.1001 --service DUK-LAHIR --consent true\n  van-agent record --file day.ndjson --json"
    )]
    Record(Box<Record>),
    /// Change fields of a case or of its people, or its status.
    #[command(
        after_help = "Example:\n  van-agent amend 53.02/V01A/20261121/0042-E --set phone=081234567890 --reason \"new number\"\n  van-agent amend 53.02/V01A/20261121/0042-E --set status=complete"
    )]
    Amend(Amend),
    /// Cases: list, show, export.
    #[command(subcommand, after_help = "Example:\n  van-agent case show 53.02/V01A/20261121/0042-E")]
    Case(Case),
    /// Products on their way into citizens' hands: load, hand over, entrust, back to stock.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent handover load --all\n  van-agent handover give 53.02/V01A/20261121/0042-E --collector family --with \"Maria Taek\" --received thumb"
    )]
    Handover(HandOver),
    /// Questions to the hub about a case: ask, list with the answers, put away.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent question ask 53.02/V01A/20261121/0042-E --words \"which name is on the deed?\"\n  van-agent question list"
    )]
    Question(Question),
    /// Find cases by words of a name, a number or a place.
    #[command(after_help = "Example:\n  van-agent find nahak soe")]
    Find(Find),
    /// Reconcile with the hub once.
    #[command(
        after_help = "Records go before scans. A budget stops cleanly: what was sent is kept, and not sent again.\n\nExample:\n  van-agent sync --budget 500KB\n  van-agent sync --for 60s --patience 2m\n  van-agent sync --stop"
    )]
    Sync {
        /// Stop the exchange that `van-agent run` has under way; what was sent is kept.
        #[arg(long, conflicts_with_all = ["patience", "budget", "time"])]
        stop: bool,
        /// Give up after so long without a packet: 45, 45s, 2m.
        #[arg(long, value_name = "TIME", default_value = "45s", value_parser = duration)]
        patience: Duration,
        /// Stop when so many bytes have gone over the network, both ways and everything counted: 500KB, 2MB.
        #[arg(long, value_name = "SIZE", value_parser = budget::bytes)]
        budget: Option<u64>,
        /// Stop after so long: 60s, 5m.
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Option<Duration>,
    },
    /// Show the page and sync in the background until told to stop (Ctrl-C, SIGTERM).
    #[command(after_help = "Example:\n  van-agent run --web 127.0.0.1:4470")]
    Run {
        /// Where to show the page; only this machine can open it.
        #[arg(long, value_name = "IP:PORT", default_value = WEB)]
        web: SocketAddr,
        /// Listen there for other laptops of the fleet, to carry for each other.
        #[arg(long, value_name = "IP:PORT")]
        peers: Option<SocketAddr>,
    },
    /// Tell what has arrived at the hub and what has not, by stored receipts alone.
    #[command(after_help = "Example:\n  van-agent custody --safe-to-wipe && echo may be wiped")]
    Custody {
        /// Fail unless a wipe of this laptop would lose nothing.
        #[arg(long)]
        safe_to_wipe: bool,
    },
    /// What to know at a glance: queue, products, what needs attention, legal time limits, likely coverage.
    #[command(after_help = "Example:\n  van-agent today")]
    Today,
    /// Visits: open, close, list.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent visit open \"Pasar Niki-Niki\" --village 53.02.01.1001 --agency DUK"
    )]
    Visit(Visit),
    /// How this laptop is set up: officers, language, paper, scanner folder, colours.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent settings list\n  van-agent settings set paper 58"
    )]
    Settings(Settings),
    /// Services of the catalogue: what must be brought, how far each goes without network, and what it costs.
    #[command(subcommand, after_help = "Example:\n  van-agent service list lahir")]
    Service(Service),
    /// Who works at this laptop; with a name, who takes over.
    #[command(after_help = "Example:\n  van-agent officer\n  van-agent officer \"Yefta Nabuasa\"")]
    Officer {
        /// Who takes over. Half-typed forms keep who began them.
        name: Option<String>,
    },
    /// The queue of today: draw a ticket, call, skip, serve.
    #[command(subcommand, after_help = "Example:\n  van-agent queue take priority\n  van-agent queue call")]
    Queue(Queue),
    /// Slips: show one, verify one that somebody brings, and which are not on paper yet.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent slip verify --image photo.jpg\n  van-agent slip unprinted"
    )]
    Slip(Slip),
    /// The satisfaction survey: citizens' sheets, and what they add up to.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent survey add --scores 4,4,3,4,3,3,4,3,4 --scores 4,4,,4,3,3,4,3,4\n  van-agent survey show"
    )]
    Survey(Survey),
    /// Numbered blanks, and numbers that the hub has lent: what is aboard, what became of it.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent blank receive KTP-EL 000001 000100\n  van-agent blank use 53.02/V01A/20261121/0042-E 000017"
    )]
    Blank(Blank),
    /// Emergency sheets: slip numbers on paper, to be filled in by hand while the laptop cannot be used.
    #[command(subcommand, after_help = "Example:\n  van-agent sheet print 20\n  van-agent sheet list")]
    Sheet(SheetCommand),
    /// The day: what was written since the last seal; close it with a seal.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent day show\n  van-agent day close --leader \"Maria Taek\""
    )]
    Day(Day),
    /// Bundles: what this laptop has for others, as a file on a stick; what it carries.
    #[command(
        subcommand,
        after_help = "A bundle holds citizens' data and is NOT encrypted: keep the stick as you keep the forms.\nRecords go first, then scans and photos; what finds no room in one file goes into another beside it.\n\nExample:\n  van-agent bundle export /media/usb\n  van-agent bundle import /media/usb/keliling-V02A-20261122-081500.bundle"
    )]
    Bundle(Bundle),
    /// Other laptops of the fleet: list them, exchange with one that listens.
    #[command(subcommand, after_help = "Example:\n  van-agent peer sync 192.168.1.20:4434")]
    Peer(Peer),
    /// Persons: list, or say which documents are of the same person.
    #[command(
        subcommand,
        after_help = "Example:\n  van-agent person list nahak\n  van-agent person same ID ID --reason \"seen together\""
    )]
    Person(Person),
    /// Check the database; rebuild what can be rebuilt.
    #[command(after_help = "Example:\n  van-agent doctor --rebuild")]
    Doctor {
        /// Build the index and the read model anew from the logs.
        #[arg(long)]
        rebuild: bool,
    },
    /// Write a shell's completions to standard output.
    #[command(after_help = "Example:\n  van-agent completions bash > /etc/bash_completion.d/van-agent")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Options of `enroll`.
#[derive(Args, Clone, Debug)]
pub struct Enroll {
    /// The ticket, as the hub operator gave it.
    #[arg(value_name = "TICKET", required = true)]
    pub ticket: Vec<String>,
    /// Give up after so long without a packet; unless given, 10s for the first one and 45s from then on.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub patience: Option<Duration>,
}

/// Options of `record`; those of one case are the fields of a line.
#[derive(Args, Clone, Debug, Default)]
pub struct Record {
    /// A file of one JSON object a line; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nik", "name", "person_ref", "listed", "village", "service", "officer"])]
    pub file: Option<PathBuf>,
    /// National identity number; leave it out where there is none.
    #[arg(long)]
    pub nik: Option<String>,
    /// Name as written.
    #[arg(long)]
    pub name: Option<String>,
    /// L (male) or P (female).
    #[arg(long)]
    pub sex: Option<String>,
    /// Birth as far as known: 1948, 1948-07 or 1948-07-21.
    #[arg(long)]
    pub born: Option<String>,
    /// The birth date is a guess.
    #[arg(long)]
    pub born_estimated: bool,
    /// Telephone number.
    #[arg(long)]
    pub phone: Option<String>,
    /// Address below the village.
    #[arg(long)]
    pub address: Option<String>,
    /// Number of the family card.
    #[arg(long)]
    pub kk: Option<String>,
    /// Which of twins it is, by the order of their births: 1, 2.
    #[arg(long, value_name = "NUMBER")]
    pub birth_order: Option<String>,
    /// Name of the mother.
    #[arg(long)]
    pub mother: Option<String>,
    /// Name of the father.
    #[arg(long)]
    pub father: Option<String>,
    /// A known person: the document's id, or your own name for the person.
    #[arg(long, value_name = "ID")]
    pub person_ref: Option<String>,
    /// Somebody on the pre-list, as `person list` names the row; what it says need not be typed.
    #[arg(long, value_name = "ROW")]
    pub listed: Option<String>,
    /// Code of the village.
    #[arg(long)]
    pub village: Option<String>,
    /// Code of the service.
    #[arg(long)]
    pub service: Option<String>,
    /// First status.
    #[arg(long, default_value = "received")]
    pub status: String,
    /// The number on the emergency sheet from which it is entered; give the paper's time with --started.
    #[arg(long, value_name = "NUMBER", requires = "started")]
    pub sheet: Option<String>,
    /// The number on the emergency sheet from which it is entered, where an earlier case of that sheet bears it.
    #[arg(long, value_name = "NUMBER", requires = "started", conflicts_with = "sheet")]
    pub of_sheet: Option<String>,
    /// Begin of the sitting; now, unless given.
    #[arg(long, value_name = "TIME")]
    pub started: Option<String>,
    /// End of the sitting.
    #[arg(long, value_name = "TIME")]
    pub ended: Option<String>,
    /// Where it is: LATITUDE,LONGITUDE.
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    pub position: Option<String>,
    /// Who records; without it, who works at this laptop.
    #[arg(long)]
    pub officer: Option<String>,
    /// Label of the visit; an unknown one is opened.
    #[arg(long)]
    pub visit: Option<String>,
    /// Notes.
    #[arg(long)]
    pub notes: Option<String>,
    /// Whether the citizen consents.
    #[arg(long, value_name = "true|false")]
    pub consent: Option<bool>,
    /// Version of the text that the citizen was asked to agree to.
    #[arg(long, value_name = "VERSION")]
    pub consent_text: Option<String>,
    /// How the citizen confirmed what was read out: signature, thumb or witnesses.
    #[arg(long, value_name = "HOW")]
    pub confirmed: Option<String>,
    /// Why it is recorded though a case like it is here.
    #[arg(long, value_name = "REASON")]
    pub again: Option<String>,
    /// Your own name for the case: recorded again it makes no second one.
    #[arg(long = "ref", value_name = "TEXT")]
    pub reference: Option<String>,
    /// Serial of the numbered blank.
    #[arg(long)]
    pub blank: Option<String>,
    /// A requirement that is there; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub tick: Vec<String>,
    /// A witness; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub witness: Vec<String>,
    /// A key that cases of one sitting share.
    #[arg(long)]
    pub encounter: Option<String>,
}

/// Options of `amend`.
#[derive(Args, Clone, Debug)]
pub struct Amend {
    /// Slip number or id of the case.
    pub case: String,
    /// What to change; several times for several fields. `applicant.` or `collector.` before a person's field
    /// names whose; `tick` and `untick` take a requirement.
    #[arg(long = "set", value_name = "FIELD=VALUE", required = true)]
    pub set: Vec<Setting>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The agency's own reference, where its officer aboard issues.
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// The agency in whose name a status is set.
    #[arg(long, value_name = "CODE")]
    pub agency: Option<String>,
    /// Who took the product along, with status with_collector.
    #[arg(long, value_name = "NAME")]
    pub with: Option<String>,
    /// The officer who corrects, or sets a status.
    #[arg(long, value_name = "ID")]
    pub officer: Option<String>,
}

/// What to do with cases.
#[derive(Subcommand, Clone, Debug)]
pub enum Case {
    /// All cases, newest sitting first.
    #[command(after_help = "Example:\n  van-agent case list --format csv > cases.csv")]
    List {
        /// Form of the list.
        #[arg(long, value_enum)]
        format: Option<ListFormat>,
        /// So many at most.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
        /// Only what needs you: cases to be decided, answers of agencies and of the hub, and what the hub holds, each
        /// with the reason.
        #[arg(long, conflicts_with = "format")]
        needs_you: bool,
    },
    /// What the hub holds of a case was dealt with: it waits for the hub alone, and needs you no more. A later change
    /// of the case says so by itself.
    #[command(
        after_help = "Example:\n  van-agent case handled 53.02/V01A/20261121/0042-E --reason \"recorded anew as 0043\""
    )]
    Handled {
        /// Slip number or id of the case, or the id of the document that is held.
        case: String,
        /// Why nothing more is to be done here.
        #[arg(long)]
        reason: String,
    },
    /// Everything that is known of a case.
    #[command(after_help = "Example:\n  van-agent case show 53.02/V01A/20261121/0042-E --json")]
    Show {
        /// Slip number or id.
        case: String,
    },
    /// Let a scan, photo or signature belong to a case.
    #[command(
        after_help = "The records go first; the file follows when there is coverage to spare, and `case show` tells\nwhere it is.\n\nExample:\n  van-agent case attach 53.02/V01A/20261121/0042-E ktp.jpg --kind scan --name \"KTP of the mother\""
    )]
    Attach {
        /// Slip number or id.
        case: String,
        /// The file, of at most 20 MB.
        file: PathBuf,
        /// What it shows: scan, photo, signature or other; by the form of the file unless given.
        #[arg(long)]
        kind: Option<attachment::Kind>,
        /// What people call it; the file's name unless given.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// Take an attachment away from a case; what was written of it stays in the history.
    #[command(
        after_help = "Example:\n  van-agent case detach 53.02/V01A/20261121/0042-E 4f1c09aa --reason \"of another person\""
    )]
    Detach {
        /// Slip number or id.
        case: String,
        /// The beginning of its id as `case show` gives it, or its name.
        attachment: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write an attachment of a case to a file; one that is not here is asked of the hub.
    #[command(
        after_help = "Example:\n  van-agent case attachment 53.02/V01A/20261121/0042-E 4f1c09aa --out ktp.jpg"
    )]
    Attachment {
        /// Slip number or id.
        case: String,
        /// The beginning of its id as `case show` gives it, or its name.
        attachment: String,
        /// Where to write it.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The small picture of it instead.
        #[arg(long)]
        thumbnail: bool,
    },
    /// The newest files of the scanner's folder, to be attached.
    #[command(
        after_help = "The folder is a setting of this laptop.\n\nExample:\n  van-agent settings set scanner_folder /home/van/scans\n  van-agent case scans --limit 3"
    )]
    Scans {
        /// So many at most.
        #[arg(long, value_name = "COUNT", default_value_t = 8)]
        limit: usize,
    },
    /// Write a case as a standard automerge file, or as a readable object with its history.
    #[command(
        after_help = "Example:\n  van-agent case export 53.02/V01A/20261121/0042-E --format automerge --out case.automerge"
    )]
    Export(Export),
}

/// Form of a list.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListFormat {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a heading.
    Csv,
}

/// How this laptop is set up.
#[derive(Subcommand, Clone, Debug)]
pub enum Settings {
    /// Every setting as it stands.
    #[command(after_help = "Example:\n  van-agent settings list --json")]
    List,
    /// Set one.
    #[command(after_help = "Example:\n  van-agent settings set scanner_folder /home/van/scans")]
    Set {
        /// Its name, as `settings list` gives it.
        #[arg(value_name = "NAME")]
        setting: LaptopSetting,
        /// What it is to be.
        value: String,
    },
}

/// The queue of today.
#[derive(Subcommand, Clone, Debug)]
pub enum Queue {
    /// Draw the next ticket of a class: general, priority or collect.
    #[command(after_help = "Example:\n  van-agent queue take priority")]
    Take {
        /// The class.
        #[arg(value_name = "CLASS", default_value = "general")]
        class: String,
    },
    /// Call the next one: priority first, unless a class is named.
    #[command(after_help = "Example:\n  van-agent queue call\n  van-agent queue call collect")]
    Call {
        /// The class.
        #[arg(value_name = "CLASS")]
        class: Option<String>,
    },
    /// Nobody came to a ticket; it is called again after the others.
    #[command(after_help = "Example:\n  van-agent queue skip A-A017")]
    Skip {
        /// As on paper.
        ticket: String,
    },
    /// A ticket is served.
    #[command(after_help = "Example:\n  van-agent queue serve A-A017")]
    Serve {
        /// As on paper.
        ticket: String,
    },
    /// Whoever has a ticket went home unserved.
    #[command(after_help = "Example:\n  van-agent queue left A-A017")]
    Left {
        /// As on paper.
        ticket: String,
    },
    /// The tickets of today.
    #[command(after_help = "Example:\n  van-agent queue list --json")]
    List,
    /// Who was not served when a day was closed: first at the next visit.
    #[command(after_help = "Example:\n  van-agent queue waiting-list")]
    WaitingList,
}

/// What to do with slips.
#[derive(Subcommand, Clone, Debug)]
pub enum Slip {
    /// What the slip of a case says, and its QR.
    #[command(after_help = "Example:\n  van-agent slip show 53.02/V01A/20261121/0042-E")]
    Show {
        /// Slip number or id.
        case: String,
        /// All slips of its sitting.
        #[arg(long)]
        family: bool,
    },
    /// Whether a slip is true, by its QR, without network; exits 1 where it is not, or cannot be known here.
    #[command(
        after_help = "A new slip takes the place of an older one (diganti); that is told where the case is on this laptop.\n\nExample:\n  van-agent slip verify KLS1-0400...\n  van-agent slip verify - < scanned.txt\n  van-agent slip verify --image photo.jpg --name \"O'a Mate\""
    )]
    Verify(Verify),
    /// Slips that are not on paper yet, the oldest first.
    #[command(after_help = "Example:\n  van-agent slip unprinted --json")]
    Unprinted {
        /// So many at most.
        #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
        limit: u64,
    },
    /// Note that slips came out on paper, or were written by hand; a second time makes a copy.
    #[command(after_help = "Example:\n  van-agent slip printed 53.02/V01A/20261121/0042-E")]
    Printed {
        /// Slip numbers or ids.
        #[arg(required = true, value_name = "CASE")]
        cases: Vec<String>,
    },
}

/// What to do with emergency sheets.
#[derive(Subcommand, Clone, Debug)]
pub enum SheetCommand {
    /// Reserve slip numbers for sheets, which no other case gets; the page `/sheets` prints them.
    #[command(
        after_help = "What is not used is skipped. Enter a sheet later with `van-agent record --sheet NUMBER --started TIME`.\n\nExample:\n  van-agent sheet print 20"
    )]
    Print {
        /// How many.
        #[arg(value_name = "COUNT", default_value_t = 10)]
        count: u32,
    },
    /// Sheets that are out, were entered, or have expired with an earlier life of this laptop.
    #[command(after_help = "Example:\n  van-agent sheet list --json")]
    List,
}

/// What to do with bundles.
#[derive(Subcommand, Clone, Debug)]
pub enum Bundle {
    /// Write what no receipt covers yet, of this laptop and of those that it carries for, with receipts and notes on
    /// their way home.
    #[command(
        after_help = "Example:\n  van-agent bundle export /media/usb\n  van-agent bundle export --budget 20MB /media/usb"
    )]
    Export {
        /// A folder, or a file that is not there yet.
        #[arg(value_name = "FILE|FOLDER")]
        to: PathBuf,
        /// Scans and photos only as far as they fit into so many bytes, all files together: 20MB, 2GB. Records go whatever
        /// they need.
        #[arg(long, value_name = "SIZE", value_parser = budget::bytes)]
        budget: Option<u64>,
    },
    /// Carry from now on what stands in a bundle; keep the receipts and notes in it.
    #[command(
        after_help = "Example:\n  van-agent bundle import /media/usb/keliling-V02A-20261122-081500.bundle"
    )]
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Verify every byte and every signature of a bundle; take nothing in.
    #[command(
        after_help = "Example:\n  van-agent bundle verify /media/usb/keliling-V02A-20261122-081500.bundle"
    )]
    Verify {
        /// The file.
        file: PathBuf,
    },
    /// What this laptop carries, for whom and since when; who carries for it.
    #[command(after_help = "Example:\n  van-agent bundle list --json")]
    List,
}

/// What to do with other laptops.
#[derive(Subcommand, Clone, Debug)]
pub enum Peer {
    /// The laptops of the fleet, and where those were found that this one has met.
    #[command(after_help = "Example:\n  van-agent peer list")]
    List,
    /// Hand over to each other what no receipt covers, and sign for it.
    #[command(
        after_help = "The other laptop listens with `van-agent run --peers IP:PORT`.\n\nExample:\n  van-agent peer sync 192.168.1.20:4434"
    )]
    Sync {
        /// Where the other laptop listens.
        #[arg(value_name = "HOST:PORT")]
        address: String,
    },
}

/// What to do with services.
#[derive(Subcommand, Clone, Debug)]
pub enum Service {
    /// Services whose code, name or agency has every word.
    #[command(after_help = "Example:\n  van-agent service list\n  van-agent service list duk lahir --json")]
    List {
        /// Words; all services where none are given.
        text: Vec<String>,
    },
}

/// What to do with persons.
#[derive(Subcommand, Clone, Debug)]
pub enum Person {
    /// Persons that match every word, each with those who may be the same person.
    #[command(after_help = "Example:\n  van-agent person list nahak")]
    List {
        /// Words; all persons where none are given.
        text: Vec<String>,
        /// So many at most.
        #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
        limit: usize,
    },
    /// Two documents are of one person.
    #[command(after_help = "Example:\n  van-agent person same ID ID --reason \"seen together\"")]
    Same(Two),
    /// Two documents are of two people.
    #[command(after_help = "Example:\n  van-agent person different ID ID --reason \"cousins\"")]
    Different(Two),
}

/// Two persons.
#[derive(Args, Clone, Debug)]
pub struct Two {
    /// Id of one.
    pub one: String,
    /// Id of the other.
    pub other: String,
    /// How it is known.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Reads `45`, `45s`, `500ms`, `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let wrong = || format!("`{text}` is not a time such as 45s, 500ms or 2m");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    milliseconds.filter(|found| (1..=86_400_000).contains(found)).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn home_goes_before_and_after_the_subcommand() {
        for line in [&["van-agent", "--home", "x", "custody"][..], &["van-agent", "custody", "--home", "x"]] {
            let cli = Cli::try_parse_from(line).expect("it is right");
            assert_eq!(cli.home, Some(PathBuf::from("x")));
        }
    }

    #[test]
    fn times_are_read() {
        for (text, milliseconds) in [("45", 45_000), ("45s", 45_000), ("500ms", 500), ("2m", 120_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for wrong in ["", "s", "-1s", "1d", "0", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
