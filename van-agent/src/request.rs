//! What a command asks of whoever holds the store: this process, or another one over the control channel.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::{desk::amend::Amendment, document::attachment, id::VillageCode};

use crate::{
    blank::BlankAct, carry::CarryAct, day::Decision, handover::HandOverAct, question::QuestionAct,
    queue::QueueAct, settings::Setting, sheets::SheetAct, slips::SlipAct,
};

/// A request. It travels between processes of one laptop only, all of one version.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Save lines; answered by a list of reports.
    Record {
        /// The lines.
        lines: Vec<RawLine>,
    },
    /// Amend a case.
    Amend {
        /// Slip number or id.
        case: String,
        /// What.
        amendment: Amendment,
    },
    /// List cases: an event each.
    CaseList {
        /// So many at most.
        limit: Option<u64>,
    },
    /// Show a case.
    CaseShow {
        /// Slip number or id.
        case: String,
    },
    /// Export a case.
    CaseExport {
        /// Slip number or id.
        case: String,
        /// Whether as a standard automerge file (base 64), rather than a readable object.
        automerge: bool,
    },
    /// Let a file belong to a case.
    CaseAttach {
        /// Slip number or id.
        case: String,
        /// The file, absolute.
        file: PathBuf,
        /// What it shows; by its form where it is not said.
        kind: Option<attachment::Kind>,
        /// What people call it.
        name: Option<String>,
        /// A small picture of it, a JPEG in base 64.
        thumbnail: Option<String>,
    },
    /// Take an attachment away.
    CaseDetach {
        /// Slip number or id.
        case: String,
        /// Beginning of its id, or name.
        attachment: String,
        /// Why.
        reason: String,
    },
    /// Write an attachment to a file.
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
    /// Find cases: an event each.
    Find {
        /// Words.
        text: String,
        /// So many at most.
        limit: usize,
    },
    /// Reconcile with the hub now.
    Sync {
        /// Milliseconds without a packet after which to give up.
        patience: u64,
        /// Bytes that it may cost, whole IP packets both ways.
        #[serde(default)]
        budget: Option<u64>,
        /// Milliseconds that it may take.
        #[serde(default)]
        time: Option<u64>,
    },
    /// Stop the exchange that is under way, and begin none until asked.
    SyncStop,
    /// Count custody.
    Custody,
    /// What to know at a glance.
    Today,
    /// Tell the time, in the district's zone.
    Time,
    /// List what needs a person: an event each.
    NeedsYou {
        /// So many at most.
        limit: u64,
    },
    /// Note that what the hub holds of a case was dealt with here.
    Handled {
        /// Slip number or id of the case, or id of the document that is held.
        what: String,
        /// Why nothing more is to be done.
        reason: String,
    },
    /// Examine the store.
    Doctor {
        /// Whether to rebuild the caches first.
        rebuild: bool,
    },
    /// Open a visit.
    VisitOpen {
        /// What people call it.
        label: String,
        /// The local day.
        date: Option<String>,
        /// The village.
        village: Option<VillageCode>,
        /// The service point.
        point: Option<String>,
        /// The leader.
        lead: Option<String>,
        /// Agencies aboard.
        agencies: Vec<String>,
    },
    /// Close a visit.
    VisitClose {
        /// Label or id.
        visit: String,
    },
    /// List visits: an event each.
    VisitList,
    /// Who is expected at the open visits: an event each.
    VisitExpected,
    /// Tell how this laptop is set up: an event each.
    SettingList,
    /// Set up something.
    SettingSet {
        /// What.
        setting: Setting,
        /// What it is to be.
        value: String,
    },
    /// List services: an event each.
    ServiceList {
        /// Words; all services where there are none.
        text: String,
    },
    /// Tell who works at this laptop, and who is on its list.
    Officer {
        /// Who takes over.
        name: Option<String>,
    },
    /// Do something with the queue of today.
    Queue {
        /// What.
        act: QueueAct,
    },
    /// Do something with questions to the hub.
    Question {
        /// What.
        act: QuestionAct,
    },
    /// Do something with products.
    HandOver {
        /// What.
        act: HandOverAct,
    },
    /// Do something with slips.
    Slip {
        /// What.
        act: SlipAct,
    },
    /// Take sheets of the survey in.
    SurveyAdd {
        /// Label or id of the visit; the open one of today where none is named.
        visit: Option<String>,
        /// Nine scores each, parted by commas.
        sheets: Vec<String>,
        /// A drawn name of the batch, 16 hexadecimal digits: the same batch again adds nothing.
        batch: Option<String>,
    },
    /// The index of each visit, an event each; the unit's is the answer.
    SurveyShow {
        /// Label or id of one visit.
        visit: Option<String>,
    },
    /// Do something with numbered blanks.
    Blank {
        /// What.
        act: BlankAct,
    },
    /// Do something with emergency sheets.
    Sheet {
        /// What.
        act: SheetAct,
    },
    /// Do something with bundles, and with what is carried.
    Carry {
        /// What.
        act: CarryAct,
    },
    /// Exchange with another laptop of the fleet now.
    PeerSync {
        /// Where it listens, `HOST:PORT`.
        address: String,
    },
    /// What was written since the last seal, and what must be decided before the day is closed.
    DayShow,
    /// Decide what becomes of a draft or of a half-typed form.
    DayDecide {
        /// The form, or the slip number or id of the draft.
        open: String,
        /// What becomes of it.
        decision: Decision,
    },
    /// Seal what was written since the last seal.
    DayClose {
        /// The team leader's name, empty where nobody gives it.
        leader: String,
    },
    /// List persons: an event each.
    PersonList {
        /// Words.
        text: String,
        /// So many at most.
        limit: usize,
    },
    /// Two documents are of one person, or of two.
    PersonJudge {
        /// Id of one.
        one: String,
        /// Id of the other.
        other: String,
        /// Whether they are one.
        same: bool,
        /// How it is known.
        reason: Option<String>,
    },
}

/// A line of a file to be recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RawLine {
    /// Its number, from 1.
    pub line: u64,
    /// Its text.
    pub text: String,
}
