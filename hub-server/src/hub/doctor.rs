//! What is wrong with the store, if anything.

use serde::{Deserialize, Serialize};
use shared::{
    store::{
        attachment::{self, Checked, Look},
        read_model,
    },
    sync::examine,
    time::Now,
};

use super::Hub;

/// What a look at the whole store found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Findings {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// What SQLite finds wrong with the file.
    pub integrity: Vec<String>,
    /// Logs whose chain or signatures do not hold.
    pub logs: Vec<String>,
    /// What is carried for others, or on its way home, and does not hold: at a hub nothing should be.
    pub carried: Vec<String>,
    /// Slip numbers that more than one case bears.
    pub doubled_slips: Vec<String>,
    /// What a receipt proves that this hub once held and that it lacks, and who still holds it.
    pub lacks: Vec<String>,
    /// What was found of the files of attachments.
    pub attachments: Checked,
    /// Files that were at this hub and are not: laptops that hold them are asked at their next contact.
    pub attachments_missing: Vec<String>,
    /// Entries whose chain was verified.
    pub entries: u64,
    /// Documents that were built anew; `None` where that was not asked for.
    pub rebuilt: Option<u64>,
}

impl Findings {
    /// Every problem, in a line each.
    pub fn problems(&self) -> Vec<String> {
        let integrity = self.integrity.iter().map(|line| format!("The file: {line}"));
        let logs = self.logs.iter().map(|line| format!("A log: {line}"));
        let lacks = self.lacks.iter().map(|line| format!("Missing: {line}"));
        let files = self.attachments_missing.iter().map(|hash| {
            format!(
                "Missing: attachment {hash}, asked of the laptops that hold its case when they next connect"
            )
        });
        let carried = self.carried.iter().map(|line| format!("Carried: {line}"));
        integrity.chain(logs).chain(carried).chain(lacks).chain(files).collect()
    }

    /// What somebody should know, though nothing is broken, in a line each.
    pub fn notices(&self) -> Vec<String> {
        let line = |slip| {
            format!(
                "More than one case bears the number {slip}: `hub-server case show {slip}` lists them; name them by id"
            )
        };
        self.doubled_slips.iter().map(line).collect()
    }

    /// Whether the store itself is damaged, so that a backup helps.
    pub fn is_damaged(&self) -> bool {
        !self.integrity.is_empty() || !self.logs.is_empty()
    }
}

impl Hub {
    /// Examines the store; with `rebuild` builds the caches anew first.
    ///
    /// # Errors
    /// The store fails.
    pub(super) fn examine(&mut self, now: Now, rebuild: bool) -> anyhow::Result<Findings> {
        let integrity = self.replica.store().integrity()?;
        let rebuilt = if rebuild { Some(self.replica.rebuild(now)?.documents) } else { None };
        let attachments = self.replica.check_files(Look::Bytes)?;
        let registries = self.replica.registries().clone();
        let tx = self.replica.read()?;
        let missing = attachment::wanted(tx)?.into_iter().filter(|known| !known.whole);
        let attachments_missing = missing.map(|known| known.hash.to_string()).collect();
        let mut entries = 0;
        let logs = examine::logs(tx, &mut entries)?;
        let carried = examine::carried(tx, &registries)?;
        let mut findings = Findings {
            ok: false,
            integrity,
            logs: logs.iter().map(ToString::to_string).collect(),
            carried: carried.iter().map(ToString::to_string).collect(),
            doubled_slips: read_model::doubled_slips(tx)?,
            lacks: examine::lacks(tx)?.iter().map(ToString::to_string).collect(),
            attachments,
            attachments_missing,
            entries,
            rebuilt,
        };
        findings.ok = findings.problems().is_empty();
        Ok(findings)
    }
}
