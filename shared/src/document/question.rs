//! Questions of officers about a case, and the hub's answers to them.
//!
//! Each is a key of the case that is written anew every time, so that all that was asked and answered stays among the
//! changes. A question stands until an officer who has seen it empties the key, and is answered by whatever answer has
//! seen it standing.

use serde::Serialize;

use super::{History, schema::key};
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
    /// Of a case: one question is answered, and another waits.
    AnsweredAndOpen,
    /// It was put away.
    Settled,
}

impl Asked {
    /// The name that lists use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::AnsweredAndOpen => "answered_and_open",
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
        |name| history.iter().filter_map(move |(hash, change)| Some((hash, change, at(change, name)?)));
    let mut questions: Vec<_> = written(key::QUESTION)
        .filter_map(|(hash, change, action)| {
            let (words, at, answers) = (text(action)?.to_owned(), change.time, Vec::new());
            Some(Question { words, at, change: *hash, state: Asked::Open, answers })
        })
        .collect();
    if questions.is_empty() {
        return questions;
    }
    // By question: the changes that put it away.
    let mut away = vec![Vec::new(); questions.len()];
    for (hash, ..) in written(key::QUESTION).filter(|(.., action)| **action == Action::Delete) {
        let Some(past) = history.past(&[*hash]) else { continue };
        for (question, away) in
            questions.iter_mut().zip(&mut away).filter(|(one, _)| past.contains(&one.change))
        {
            question.state = Asked::Settled;
            away.push(*hash);
        }
    }
    for (hash, change, action) in written(key::ANSWER) {
        let Some((words, past)) = text(action).zip(history.past(&[*hash])) else { continue };
        let stands = |at: &usize| {
            past.contains(&questions[*at].change) && !away[*at].iter().any(|change| past.contains(change))
        };
        let seen: Vec<_> = (0..questions.len()).filter(stands).collect();
        let mut answered = seen.clone();
        answered.retain(|at| questions[*at].answers.is_empty());
        // What answers nothing new goes on with what was asked last.
        if answered.is_empty() {
            answered.extend(seen.last());
        }
        for at in answered {
            let question = &mut questions[at];
            question.answers.push(Answer { words: words.to_owned(), at: change.time });
            if question.state == Asked::Open {
                question.state = Asked::Answered;
            }
        }
    }
    questions
}

/// What has become of all that was asked about a case; `None` where nobody asked.
pub fn asked(history: &History) -> Option<Asked> {
    let questions = questions(history);
    let any = |state| questions.iter().any(|question| question.state == state);
    match (any(Asked::Answered), any(Asked::Open)) {
        (true, true) => Some(Asked::AnsweredAndOpen),
        (true, false) => Some(Asked::Answered),
        (false, true) => Some(Asked::Open),
        (false, false) => questions.last().map(|_| Asked::Settled),
    }
}

/// What a change does at a key of the root.
fn at<'c>(change: &'c Change, name: &str) -> Option<&'c Action> {
    let done = change.operations.iter().rev().find(|operation| {
        operation.object == Object::Root && matches!(&operation.key, Key::Map(found) if found == name)
    });
    done.map(|operation| &operation.action)
}

fn text(action: &Action) -> Option<&str> {
    match action {
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
        assert_eq!(asked(&history), Some(Asked::AnsweredAndOpen), "the hub had not seen the second");
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
        let mut answer = open(&history, OTHER);
        say(&mut answer, key::ANSWER, "that of the deed");
        save(&mut answer, &mut history);
        let expected = [
            row("which name?", Asked::Settled, &[]),
            row("which name?", Asked::Answered, &["that of the deed"]),
        ];
        assert_eq!(told(&history), expected, "what was put away stays so");

        let (mut away, mut meanwhile) = (open(&history, OTHER), open(&history, VAN));
        away.delete(&[key::QUESTION]).expect("allowed");
        say(&mut meanwhile, key::QUESTION, "and which day?");
        save(&mut away, &mut history);
        save(&mut meanwhile, &mut history);
        let states: Vec<_> = told(&history).into_iter().map(|(_, state, _)| state).collect();
        assert_eq!(
            states,
            [Asked::Settled, Asked::Settled, Asked::Open],
            "who put it away had not seen the last"
        );
    }
}
