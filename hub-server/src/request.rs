//! What is asked of whoever holds the hub's store: by a command in the same process, or over the control
//! channel.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::{
    blank::Serial,
    desk::{amend::Amendment, handover::Order},
    id::UnitId,
    registry::lease::LeaseKind,
    store::devices::Standing,
};

/// One question or order. Rows of lists come as events on the way; the result closes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A ticket for a laptop of `unit`.
    Invite {
        /// The unit.
        unit: UnitId,
    },
    /// All laptops, each an event.
    Devices,
    /// Another standing for a laptop.
    Stand {
        /// Number, or unit and letter.
        device: String,
        /// The standing.
        standing: Standing,
    },
    /// How the hub is.
    Status,
    /// All cases, each an event, newest first.
    CaseList {
        /// So many at most.
        limit: Option<u64>,
    },
    /// All of one case.
    CaseShow {
        /// Slip number or id.
        case: String,
    },
    /// Other values for fields of a case.
    Amend {
        /// Slip number or id.
        case: String,
        /// What.
        amendment: Amendment,
    },
    /// What officers asked, each an event, the oldest first.
    Questions {
        /// Whether that too which was answered or put away.
        all: bool,
    },
    /// An answer to what was asked about a case.
    Answer {
        /// Slip number or id.
        case: String,
        /// The answer.
        words: String,
    },
    /// Something with products.
    HandOver {
        /// What.
        order: Order,
        /// Slip numbers or ids.
        cases: Vec<String>,
    },
    /// What is ready for a unit or aboard of it, each an event.
    Manifest {
        /// The unit.
        unit: UnitId,
    },
    /// A case as a file.
    CaseExport {
        /// Slip number or id.
        case: String,
        /// Whether as a standard automerge file (base 64), rather than a readable object.
        automerge: bool,
    },
    /// An attachment of a case into a file.
    CaseAttachment {
        /// Slip number or id.
        case: String,
        /// Beginning of its id, or name.
        attachment: String,
        /// The file, absolute.
        out: PathBuf,
        /// Whether the small picture of it.
        thumbnail: bool,
    },
    /// Cases that match words, each an event.
    Find {
        /// The words.
        text: String,
        /// So many at most.
        limit: usize,
    },
    /// Persons that match words, each an event.
    Persons {
        /// The words.
        text: String,
        /// So many at most.
        limit: usize,
    },
    /// That two documents are of one person, or of two.
    Judge {
        /// Id of one.
        one: String,
        /// Id of the other.
        other: String,
        /// Whether they are one.
        same: bool,
        /// How it is known.
        reason: String,
    },
    /// A seal that a person typed.
    SealAdd {
        /// Its characters, as typed.
        typed: String,
    },
    /// All seals, each an event, newest first.
    Seals,
    /// What a slip that somebody brings is worth.
    SlipVerify {
        /// What its QR says.
        typed: String,
        /// The name on the paper.
        name: Option<String>,
    },
    /// Take a dictionary of packed batches.
    DictionaryAdd {
        /// The file, absolute.
        file: PathBuf,
    },
    /// Dictionaries that were added, each an event, newest first.
    Dictionaries,
    /// Take in a bundle.
    BundleImport {
        /// The file, absolute.
        file: PathBuf,
    },
    /// Write receipts into a bundle.
    BundleExport {
        /// For the laptops of this unit, or of all.
        unit: Option<UnitId>,
        /// The file, absolute.
        file: PathBuf,
    },
    /// Lends numbers.
    LeaseGrant {
        /// The unit.
        unit: UnitId,
        /// Letter of the one laptop that takes them.
        laptop: Option<String>,
        /// What is numbered.
        kind: LeaseKind,
        /// The first.
        from: Serial,
        /// The last.
        to: Serial,
        /// The last day, as 2026-12-31.
        until: Option<String>,
    },
    /// All leases, each an event.
    Leases,
    /// Takes a lease back.
    LeaseVoid {
        /// As listed.
        lease: String,
        /// Why.
        reason: String,
    },
    /// Numbered blanks by unit and kind, each an event.
    Blanks,
    /// What citizens answered, by visit and by unit, each an event.
    Survey,
    /// What is held, each an event.
    Quarantine,
    /// One thing that is held.
    Held {
        /// The beginning of its id.
        id: String,
    },
    /// Lets what a laptop left behind that may not connect any more out of quarantine.
    Release {
        /// The beginning of a held change's id, or the laptop: all that it left behind.
        what: String,
    },
    /// The registries, each an event.
    Registries,
    /// Rows of a file into a registry.
    Import {
        /// The registry's name.
        kind: String,
        /// The file, absolute.
        file: PathBuf,
        /// Whether other rows go.
        replace: bool,
    },
    /// A look at the whole store.
    Doctor {
        /// Whether to build the caches anew.
        rebuild: bool,
    },
    /// A copy of the store.
    Backup {
        /// The file, absolute.
        file: PathBuf,
    },
}
