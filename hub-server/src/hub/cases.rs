//! Cases and persons: found, shown, amended, told apart.

use std::path::Path;

use serde_json::{Value, json};
use shared::{
    desk::{
        amend::{self, AmendError, Amendment},
        files,
        handover::{self, Order},
        people,
        questions::{self, QuestionError},
        resolve, rows, show,
    },
    document::{Asked, Case, State, View},
    id::{DeviceId, UnitId},
    store::{changes, read_model},
    sync::writing::SaveError,
    time::Now,
};
use van_agent::host::{cases, files::unwritable, output::Failure};

use super::Hub;

impl Hub {
    /// Tells every case, newest first.
    pub(super) fn tell_cases(
        &mut self,
        limit: Option<u64>,
        tell: &mut dyn FnMut(Value) -> bool,
    ) -> anyhow::Result<Value> {
        rows::all(self.replica.read()?, limit, |row| {
            tell(json!(row));
        })?;
        Ok(Value::Null)
    }

    /// All of one case.
    pub(super) fn show_case(&mut self, case: &str) -> anyhow::Result<Value> {
        let offset = self.offset_minutes();
        let document = resolve::case(self.replica.read()?, case)?;
        let (tx, registries) = (self.replica.store().reader(), self.replica.registries());
        Ok(serde_json::to_value(show::case(tx, registries, DeviceId::HUB, document, offset)?)?)
    }

    /// Changes fields of a case or of its people.
    pub(super) fn amend(&mut self, now: Now, case: &str, amendment: &Amendment) -> anyhow::Result<Value> {
        let document = resolve::case(self.replica.read()?, case)?;
        let sets_status = amendment.settings.iter().any(|setting| setting.to_string().starts_with("status="));
        if !sets_status && (amendment.reference.is_some() || amendment.agency.is_some()) {
            return Err(Failure::usage("an agency and its reference belong to a status")
                .next("add --set status=STATE")
                .into());
        }
        let amended = self.replica.write(now, |writing| amend::amend(writing, document, amendment));
        match amended {
            Ok(amended) => Ok(serde_json::to_value(amended)?),
            Err(refused @ AmendError::Save(SaveError::Refused(_))) if sets_status => {
                Err(Failure::new(refused.to_string())
                    .next("name the agency that owns the service with --as-agency AGENCY")
                    .into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells what officers asked.
    pub(super) fn tell_questions(
        &mut self,
        all: bool,
        tell: &mut dyn FnMut(Value) -> bool,
    ) -> anyhow::Result<Value> {
        let offset = self.offset_minutes();
        let states = if all { &[Asked::Open, Asked::Answered, Asked::Settled][..] } else { &[Asked::Open] };
        let listed = questions::list(self.replica.read()?, states, offset)?;
        let count = listed.len();
        for question in listed {
            tell(json!(question));
        }
        Ok(json!({ "questions": count }))
    }

    /// Answers what was asked about a case.
    pub(super) fn answer_question(&mut self, now: Now, case: &str, words: &str) -> anyhow::Result<Value> {
        let document = resolve::case(self.replica.read()?, case)?;
        let answered = self.replica.write(now, |writing| questions::answer(writing, document, words));
        match answered {
            Ok(done) => Ok(serde_json::to_value(done)?),
            Err(error @ QuestionError::NoQuestion) => Err(Failure::new(error.to_string())
                .next("see `hub-server question list --all`; a note goes with `hub-server case amend --set notes=TEXT`")
                .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries an order out with products, all in one transaction.
    pub(super) fn hand_over(&mut self, now: Now, order: &Order, cases: &[String]) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        let cases: Vec<_> = cases.iter().map(|case| resolve::case(tx, case)).collect::<Result<_, _>>()?;
        let outcome = self.replica.write(now, |writing| handover::carry_out(writing, order, &cases, None))?;
        Ok(serde_json::to_value(outcome)?)
    }

    /// Tells what is ready for a unit or aboard of it.
    pub(super) fn tell_manifest(
        &mut self,
        unit: &UnitId,
        tell: &mut dyn FnMut(Value) -> bool,
    ) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        let [missing, aboard] =
            [State::Ready, State::Loaded].map(|state| read_model::manifest(tx, unit.as_str(), state, ""));
        let (missing, aboard) = (missing?, aboard?);
        for case in missing.iter().chain(&aboard) {
            if let Some(row) = read_model::case_of(tx, *case)? {
                tell(json!(rows::Row::from(row)));
            }
        }
        let (missing, aboard) = (missing.len(), aboard.len());
        Ok(json!({ "unit": unit, "aboard": aboard, "missing": missing }))
    }

    /// A case as a file.
    pub(super) fn export(&mut self, case: &str, automerge: bool) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        let document = resolve::case(tx, case)?;
        Ok(cases::exported(tx, document, automerge)?)
    }

    /// Writes a file of a case to `out`.
    pub(super) fn write_attachment(
        &mut self,
        case: &str,
        name: &str,
        out: &Path,
        thumbnail: bool,
    ) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        let document = resolve::case(tx, case)?;
        let history = changes::history(tx, document)?;
        let (hash, known) = files::find(&Case::read(&View::of(&history)), name)?;
        let hash = match (thumbnail, known.thumbnail) {
            (false, _) => hash,
            (true, Some(small)) => small,
            (true, None) => return Err(Failure::new("there is no small picture of it").missing().into()),
        };
        let Some(bytes) = self.replica.read_file(hash)? else {
            return Err(Failure::new("it is not at the hub yet")
                .next("it follows when a laptop that holds it has coverage")
                .missing()
                .into());
        };
        std::fs::write(out, &bytes).map_err(|error| unwritable(out, &error))?;
        Ok(json!({
            "case": document, "attachment": hash, "name": known.name, "type": known.media_type,
            "out": out, "bytes": bytes.len(),
        }))
    }

    /// Tells the persons that match `text`, each with who else may be the same.
    pub(super) fn tell_persons(
        &mut self,
        text: &str,
        limit: usize,
        tell: &mut dyn FnMut(Value) -> bool,
    ) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        for row in read_model::people(tx, text, limit)? {
            let candidates = people::candidates(tx, row.document)?;
            let mut value = serde_json::to_value(&row)?;
            value["candidates"] = serde_json::to_value(candidates)?;
            tell(value);
        }
        Ok(Value::Null)
    }

    /// Says that two documents are of one person, or of two.
    pub(super) fn judge(
        &mut self,
        now: Now,
        one: &str,
        other: &str,
        same: bool,
        reason: &str,
    ) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        let (one, other) = (resolve::person(tx, one)?, resolve::person(tx, other)?);
        self.replica.write(now, |writing| {
            if same {
                people::same(writing, one, other, reason)
            } else {
                people::different(writing, one, other, reason)
            }
        })?;
        let row = read_model::person_of(self.replica.read()?, one)?;
        Ok(json!({ "person": one, "other": other, "same": same, "twin": row.map(|row| row.twin) }))
    }
}
