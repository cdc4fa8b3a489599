//! Questions of officers about a case, and the hub's answers to them.
//!
//! Each is a key of the case that is written anew every time, so that all that was asked and answered stays among the
//! changes. A question stands until an officer puts it away by emptying the key, and is answered by whatever answer has
//! seen it.

use serde::Serialize;

use super::{History, View, schema::key};
use crate::{
    change::{Action, Change, Key, Object, Scalar},
    id::ChangeHash,
    time::Timestamp,
};

/// What has become of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// It waits for the hub's answer.
    Open,
    /// The hub has answered.
    Answered,
    /// It was put away.
    Settled,
}

impl Asked {
    /// The name that lists use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Settled => "settled",
        }
    }
}

/// What somebody asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The words.
    pub words: String,
    /// When, as claimed.
    pub at: Timestamp,
    /// The change that asks.
    pub change: ChangeHash,
    /// What has become of it.
    pub state: Asked,
    /// The hub's answers, the first one first.
    pub answers: Vec<Answer>,
}

/// What the hub answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The words.
    pub words: String,
    /// When, as claimed.
    pub at: Timestamp,
}

/// All that was ever asked about a case, in an order that respects causality, each with its answers.
pub fn questions(history: &History) -> Vec<Question> {
    let written =
        |name| history.iter().filter_map(move |(hash, change)| Some((hash, change, put(change, name)?)));
    let mut questions: Vec<_> = written(key::QUESTION)
        .map(|(hash, change, words)| Question {
            words: words.to_owned(),
            at: change.time,
            change: *hash,
            state: Asked::Open,
            answers: Vec::new(),
        })
        .collect();
    if questions.is_empty() {
        return questions;
    }
    for (hash, change, words) in written(key::ANSWER) {
        let Some(past) = history.past(&[*hash]) else { continue };
        let (mut first, mut newest) = (Vec::new(), None);
        for (at, question) in questions.iter().enumerate().filter(|(_, one)| past.contains(&one.change)) {
            newest = Some(at);
            if question.answers.is_empty() {
                first.push(at);
            }
        }
        // What answers nothing new goes on with what was asked last.
        let answered = if first.is_empty() { newest.into_iter().collect() } else { first };
        for at in answered {
            questions[at].answers.push(Answer { words: words.to_owned(), at: change.time });
        }
    }
    let stands = View::of(history).root().get(key::QUESTION).is_some();
    for question in &mut questions {
        question.state = match (question.answers.is_empty(), stands) {
            (_, false) => Asked::Settled,
            (true, true) => Asked::Open,
            (false, true) => Asked::Answered,
        };
    }
    questions
}

/// What has become of all that was asked about a case: open while any question is; `None` where nobody asked.
pub fn asked(history: &History) -> Option<Asked> {
    let questions = questions(history);
    let open = questions.iter().find(|question| question.state == Asked::Open);
    open.or(questions.last()).map(|question| question.state)
}

/// The text that a change puts at a key of the root.
fn put<'c>(change: &'c Change, name: &str) -> Option<&'c str> {
    let puts = change.operations.iter().rev().find(|operation| {
        operation.object == Object::Root && matches!(&operation.key, Key::Map(found) if found == name)
    });
    match &puts?.action {
        Action::Put(Scalar::Str(words)) => Some(words),
        Action::Put(_) | Action::MakeMap | Action::MakeList | Action::Delete | Action::Increment(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Edit,
        case::tests::{OTHER, VAN, open, recorded, save},
    };

    fn say(edit: &mut Edit, name: &str, words: &str) {
        edit.put_anew(&[name], &Scalar::Str(words.to_owned())).expect("allowed");
    }

    /// Each question with what has become of it and its answers.
    fn told(history: &History) -> Vec<(String, Asked, Vec<String>)> {
        let told = questions(history)
            .into_iter()
            .map(|one| (one.words, one.state, one.answers.into_iter().map(|answer| answer.words).collect()));
        told.collect()
    }

    fn row(words: &str, state: Asked, answers: &[&str]) -> (String, Asked, Vec<String>) {
        (words.to_owned(), state, answers.iter().map(|&words| words.to_owned()).collect())
    }

    #[test]
    fn an_answer_answers_what_it_has_seen_and_nothing_else() {
        let mut history = recorded();
        assert_eq!((asked(&history), told(&history)), (None, vec![]));
        let mut edit = open(&history, VAN);
        say(&mut edit, key::QUESTION, "which name?");
        save(&mut edit, &mut history);
        assert_eq!(asked(&history), Some(Asked::Open));

        let (mut answer, mut meanwhile) = (open(&history, OTHER), open(&history, VAN));
        say(&mut answer, key::ANSWER, "that of the deed");
        say(&mut meanwhile, key::QUESTION, "and which day?");
        save(&mut answer, &mut history);
        assert_eq!(asked(&history), Some(Asked::Answered));
        save(&mut meanwhile, &mut history);
        assert_eq!(asked(&history), Some(Asked::Open), "the hub had not seen the second");
        assert_eq!(
            told(&history),
            [
                row("which name?", Asked::Answered, &["that of the deed"]),
                row("and which day?", Asked::Open, &[])
            ]
        );

        for words in ["the first", "no, the second"] {
            let mut answer = open(&history, OTHER);
            say(&mut answer, key::ANSWER, words);
            save(&mut answer, &mut history);
        }
        assert_eq!(
            told(&history)[1],
            row("and which day?", Asked::Answered, &["the first", "no, the second"])
        );
        assert_eq!(asked(&history), Some(Asked::Answered));
    }

    #[test]
    fn what_is_put_away_stays_to_be_read_and_the_same_words_may_be_asked_again() {
        let mut history = recorded();
        for (away, state) in [(false, Asked::Open), (true, Asked::Settled), (false, Asked::Open)] {
            let mut edit = open(&history, VAN);
            if away {
                edit.delete(&[key::QUESTION]).expect("allowed");
            } else {
                say(&mut edit, key::QUESTION, "which name?");
            }
            save(&mut edit, &mut history);
            assert_eq!(asked(&history), Some(state));
        }
        assert_eq!(questions(&history).len(), 2);
    }
}
