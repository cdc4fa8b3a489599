//! What needs a person, asked of the holder of the store: what must be decided, what was answered, and what the hub
//! holds until somebody here has dealt with it.

use serde_json::{Value, json};
use shared::{
    desk::{author, because::Because, questions, rows, show},
    id::{ChangeHash, DocumentId, Kind},
    store::{
        Result as StoreResult, StoreError, Tx, changes,
        quarantine::{self, Handling, Refused},
        read_model,
    },
    sync::writing::Writing,
    time::Now,
};

use crate::{
    agent::{Agent, said},
    host::output::Failure,
};

impl Agent {
    /// What must be decided, was given back or refused by its agency or answered by the hub, and what the hub holds,
    /// newest first; last what the hub holds and somebody here has dealt with, which is in no count.
    pub(crate) fn needs_you(
        &mut self,
        limit: u64,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let mut count = 0_u64;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX >> 1).min(usize::MAX >> 1);
        for row in read_model::undecided(self.read()?, limit).map_err(said)? {
            count += 1;
            if !each(self.undecided_row(row)?) {
                break;
            }
        }
        for refused in quarantine::open(self.read()?, limit).map_err(said)? {
            count += 1;
            if !each(self.held(&refused)?) {
                break;
            }
        }
        for refused in &quarantine::handled(self.read()?, limit).map_err(said)? {
            if !each(self.held(refused)?) {
                break;
            }
        }
        let tx = self.read()?;
        let held = quarantine::open_count(tx).map_err(said)?;
        let of = read_model::undecided_count(tx).map_err(said)? + held;
        let handled = quarantine::count(tx).map_err(said)? - held;
        Ok(json!({"needs_you": count, "of": of, "handled": handled}))
    }

    fn undecided_row(&mut self, row: read_model::CaseRow) -> Result<Value, Failure> {
        let offset_minutes = self.offset_minutes();
        let tx = self.read()?;
        let conflicts = show::conflicts(tx, &row, offset_minutes).map_err(said)?;
        let (subject, answer) = (row.subject, show::answer(tx, &row).map_err(said)?);
        let history = changes::history(tx, row.document).map_err(said)?;
        let questions = questions::of(tx, &history, offset_minutes).map_err(said)?;
        let mut value = json!(rows::Row::from(row));
        value["fields"] = json!(conflicts.iter().map(|conflict| conflict.field).collect::<Vec<_>>());
        value["answer"] = json!(answer);
        value["subject"] = json!(subject);
        value["conflicts"] = json!(conflicts);
        value["questions"] = json!(questions);
        Ok(value)
    }

    fn held(&mut self, refused: &Refused) -> Result<Value, Failure> {
        let offset_minutes = self.offset_minutes();
        let tx = self.read()?;
        let row = read_model::case_touched(tx, refused.document).map_err(said)?;
        let mut value = row.map_or_else(|| json!({}), |row| json!(rows::Row::from(row)));
        value["document"] = json!(refused.document);
        value["change"] = json!(refused.hash);
        value["rule"] = json!(refused.rule);
        value["reason"] = json!(refused.reason);
        value["at"] = json!(refused.at.to_rfc3339(offset_minutes));
        let origin = refused.origin;
        value["author"] = json!(author::of(tx, origin.device, origin.epoch).map_err(said)?);
        value["handled"] = json!(show::handling(tx, &refused.hash, offset_minutes).map_err(said)?);
        Ok(value)
    }

    /// Notes that what the hub holds was dealt with here: one change by its hash, or all of a case and its subject, or
    /// of another document.
    pub(crate) fn handled(&mut self, now: Now, what: &str, reason: &str) -> Result<Value, Failure> {
        let why = reason.trim();
        if why.is_empty() {
            return Err(Failure::new("there is no reason: give it with --reason TEXT")
                .because(Because::of("no-reason")));
        }
        let change = what.parse::<ChangeHash>().ok();
        let documents = match (change, what.parse::<DocumentId>()) {
            (Some(_), _) => Vec::new(),
            (None, Ok(document)) if document.kind() != Some(Kind::Case) => vec![document],
            (None, _) => {
                let case = self.case(what)?;
                of_case(self.read()?, case).map_err(said)?
            }
        };
        let by = Some(self.officer()?).filter(|officer| !officer.is_empty());
        let handling = Handling { at: now.wall, by, why: Some(why.to_owned()) };
        let count = self.replica_mut().keep(|tx, _| {
            let one = change.map(|change| quarantine::handle_change(tx, &change, &handling)).transpose()?;
            let all = documents.iter().map(|document| quarantine::handle(tx, *document, &handling));
            Ok::<_, StoreError>(one.unwrap_or(0) + all.sum::<StoreResult<usize>>()?)
        });
        let count: usize = count.map_err(said)?;
        if count == 0 {
            return Err(Failure::new(format!("the hub holds nothing of {what} that is not dealt with"))
                .because(Because::of("not-held"))
                .next("`van-agent case list --needs-you` lists what it holds"));
        }
        Ok(json!({"what": what, "handled": count, "by": handling.by, "why": handling.why}))
    }
}

/// Takes what an officer has just changed as the answer to what the hub holds of those documents.
pub(crate) fn answer(writing: &Writing<'_>) -> StoreResult<()> {
    let handling = Handling { at: writing.now.wall, by: None, why: None };
    writing.changed().try_for_each(|document| quarantine::handle(writing.tx, document, &handling).map(drop))
}

/// What the hub holds of a case and its subject waits for the hub, which was asked about it.
pub(crate) fn ask(
    writing: &Writing<'_>,
    case: DocumentId,
    words: &str,
    officer: Option<&str>,
) -> StoreResult<()> {
    let by = officer.filter(|officer| !officer.is_empty()).map(str::to_owned);
    let handling = Handling { at: writing.now.wall, by, why: Some(words.trim().to_owned()) };
    of_case(writing.tx, case)?
        .into_iter()
        .try_for_each(|document| quarantine::handle(writing.tx, document, &handling).map(drop))
}

/// A case and its subject.
fn of_case(tx: Tx<'_>, case: DocumentId) -> StoreResult<Vec<DocumentId>> {
    let row = read_model::case_of(tx, case)?;
    Ok([case].into_iter().chain(row.and_then(|row| row.subject)).collect())
}
