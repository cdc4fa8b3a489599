//! What officers ask of the hub about a case, and the hub answers.

use serde::Serialize;

use super::author::{self, Author};
use crate::{
    change::Scalar,
    document::{Asked, EditError, Field, History, View, correction, field, question, schema::key},
    id::{ChangeHash, DocumentId},
    store::{Result as StoreResult, StoreError, Tx, changes, read_model},
    sync::writing::{SaveError, Writing},
};

/// A question with who asked it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownQuestion {
    /// Who wrote it.
    #[serde(flatten)]
    pub author: Author,
    /// The officer, as claimed.
    pub officer: Option<String>,
    /// When, as claimed.
    pub at: String,
    /// The words.
    pub words: String,
    /// What has become of it.
    pub state: Asked,
    /// The hub's answers, the first one first.
    pub answers: Vec<ShownAnswer>,
    /// The change.
    pub change: ChangeHash,
}

/// What the hub answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ShownAnswer {
    /// When.
    pub at: String,
    /// The words.
    pub words: String,
}

/// A question in a list.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Listed {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: String,
    /// Whom it is about.
    pub name: Option<String>,
    /// Code of its service.
    pub service: String,
    /// What was asked.
    #[serde(flatten)]
    pub question: ShownQuestion,
}

/// What was asked, answered or put away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Done {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: Option<String>,
    /// What has become of all that was asked about it.
    pub question: Option<Asked>,
}

/// Why nothing was asked or answered.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No words.
    #[error("there are no words: give them with --words TEXT")]
    NoWords,
    /// Control characters are no text.
    #[error("the words hold a control character")]
    Characters,
    /// Nobody asked.
    #[error("no question stands in this case")]
    NoQuestion,
    /// It is no name of an officer.
    #[error(transparent)]
    Officer(#[from] field::SetError),
    /// The document does not take it.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It is not saved.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Asks the hub about a case. What was asked before stays among its changes.
///
/// # Errors
/// The words are refused; nothing is to be committed then.
pub fn ask(
    writing: &mut Writing<'_>,
    document: DocumentId,
    words: &str,
    officer: Option<&str>,
) -> Result<Done, QuestionError> {
    let mut edit = writing.open(document)?;
    edit.put_anew(&[key::QUESTION], &said(words)?)?;
    correction::sign(&mut edit, officer)?;
    writing.save(document, edit)?;
    done(writing, document)
}

/// Puts away what was asked about a case, answered or not.
///
/// # Errors
/// No question stands there.
pub fn settle(
    writing: &mut Writing<'_>,
    document: DocumentId,
    officer: Option<&str>,
) -> Result<Done, QuestionError> {
    let mut edit = writing.open(document)?;
    edit.delete(&[key::QUESTION])?;
    if !edit.is_changed() {
        return Err(QuestionError::NoQuestion);
    }
    correction::sign(&mut edit, officer)?;
    writing.save(document, edit)?;
    done(writing, document)
}

/// Answers, as the hub, what was asked about a case.
///
/// # Errors
/// No question stands there, or the words are refused; nothing is to be committed then.
pub fn answer(writing: &mut Writing<'_>, document: DocumentId, words: &str) -> Result<Done, QuestionError> {
    if View::of(writing.history(document)?).root().get(key::QUESTION).is_none() {
        return Err(QuestionError::NoQuestion);
    }
    let mut edit = writing.open(document)?;
    edit.put_anew(&[key::ANSWER], &said(words)?)?;
    writing.save(document, edit)?;
    done(writing, document)
}

/// The questions that stand at one of `states`, the oldest first.
///
/// # Errors
/// The store fails.
pub fn list(tx: Tx<'_>, states: &[Asked], offset_minutes: i16) -> StoreResult<Vec<Listed>> {
    let mut rows = Vec::new();
    for state in states {
        rows.extend(read_model::asked(tx, *state)?);
    }
    // A case of which one question is answered and another waits stands at both.
    rows.sort_by_key(|row| row.document);
    rows.dedup_by_key(|row| row.document);
    let mut listed = Vec::new();
    for row in rows {
        let questions = of(tx, &changes::history(tx, row.document)?, offset_minutes)?;
        let wanted = questions.into_iter().filter(|question| states.contains(&question.state));
        listed.extend(wanted.map(|question| Listed {
            case: row.document,
            slip: row.slip.clone(),
            name: row.name.clone(),
            service: row.service.clone(),
            question,
        }));
    }
    // All times are told with one offset.
    listed.sort_by(|a, b| a.question.at.cmp(&b.question.at));
    Ok(listed)
}

/// What was asked about the case of a history, in order.
///
/// # Errors
/// The store fails.
pub fn of(tx: Tx<'_>, history: &History, offset_minutes: i16) -> StoreResult<Vec<ShownQuestion>> {
    let mut shown = Vec::new();
    for question in question::questions(history) {
        let officer = history.get(&question.change).and_then(correction::corrector);
        let answers = question
            .answers
            .into_iter()
            .map(|answer| ShownAnswer { at: answer.at.to_rfc3339(offset_minutes), words: answer.words });
        shown.push(ShownQuestion {
            author: author::of_change(tx, &question.change)?,
            officer: officer.map(str::to_owned),
            at: question.at.to_rfc3339(offset_minutes),
            words: question.words,
            state: question.state,
            answers: answers.collect(),
            change: question.change,
        });
    }
    Ok(shown)
}

/// A shown question as one line: when, by whom, the words, and what became of it.
pub fn in_words(shown: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
    let officer = shown["officer"].as_str().map_or_else(String::new, |officer| format!(", {officer}"));
    let (at, by, words) = (text(shown, "at"), author::in_words(shown), text(shown, "words"));
    let answers = shown["answers"].as_array().into_iter().flatten();
    let answers: String =
        answers.map(|one| format!("  Answer {}: {}", text(one, "at"), text(one, "words"))).collect();
    format!("{at} ({by}{officer}): {words}  [{}]{answers}", text(shown, "state"))
}

fn said(words: &str) -> Result<Scalar, QuestionError> {
    let words = words.trim();
    if words.is_empty() {
        return Err(QuestionError::NoWords);
    }
    field::check(Field::Notes, words).map_err(|_| QuestionError::Characters)?;
    Ok(Scalar::Str(words.to_owned()))
}

fn done(writing: &mut Writing<'_>, document: DocumentId) -> Result<Done, QuestionError> {
    let history = writing.history(document)?;
    let slip = View::of(history).root().text(key::SLIP).map(str::to_owned);
    Ok(Done { case: document, slip, question: question::asked(history) })
}
