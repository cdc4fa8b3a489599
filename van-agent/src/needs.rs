//! What needs a person, asked of the holder of the store: what must be decided, what was answered, and what the hub
//! holds until somebody here has dealt with it.

use serde_json::{Value, json};
use shared::{
    desk::{author, because::Because, questions, rows, show},
    id::DocumentId,
    store::{
        Result as StoreResult, changes,
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
        let handled = quarantine::handled(self.read()?, limit).map_err(said)?;
        for refused in &handled {
            if !each(self.held(refused)?) {
                break;
            }
        }
        let tx = self.read()?;
        let of = read_model::undecided_count(tx).map_err(said)? + quarantine::open_count(tx).map_err(said)?;
        Ok(json!({"needs_you": count, "of": of, "handled": handled.len()}))
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
        value["rule"] = json!(refused.rule);
        value["reason"] = json!(refused.reason);
        value["at"] = json!(refused.at.to_rfc3339(offset_minutes));
        let origin = refused.origin;
        value["author"] = json!(author::of(tx, origin.device, origin.epoch).map_err(said)?);
        value["handled"] = json!(show::handling(tx, &refused.hash, offset_minutes).map_err(said)?);
        Ok(value)
    }

    /// Notes that what the hub holds of a case and its subject, or of one document, was dealt with here.
    pub(crate) fn handled(&mut self, now: Now, what: &str, reason: &str) -> Result<Value, Failure> {
        let why = reason.trim();
        if why.is_empty() {
            return Err(Failure::new("there is no reason: give it with --reason TEXT")
                .because(Because::of("no-reason")));
        }
        let documents = match what.parse::<DocumentId>() {
            Ok(document) => vec![document],
            Err(_) => {
                let case = self.case(what)?;
                let row = read_model::case_of(self.read()?, case).map_err(said)?;
                [case].into_iter().chain(row.and_then(|row| row.subject)).collect()
            }
        };
        let by = Some(self.officer()?).filter(|officer| !officer.is_empty());
        let handling = Handling { at: now.wall, by, why: Some(why.to_owned()) };
        let count = self.replica_mut().keep(|tx, _| {
            documents
                .iter()
                .map(|document| quarantine::handle(tx, *document, &handling))
                .sum::<StoreResult<_>>()
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

/// Takes what is done to a case as the answer to what the hub holds of its subject.
pub(crate) fn answer_of_subject(writing: &Writing<'_>, case: DocumentId) -> StoreResult<()> {
    let subject = read_model::case_of(writing.tx, case)?.and_then(|row| row.subject);
    if let Some(subject) = subject {
        let handling = Handling { at: writing.now.wall, by: None, why: None };
        quarantine::handle(writing.tx, subject, &handling)?;
    }
    Ok(())
}
