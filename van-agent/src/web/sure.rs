//! The page that asks once more before a press that no other press undoes.

use askama::Template;
use axum::response::Response;

use super::{Site, pages::show, posted::Posted};
use crate::host::web::Words;

/// The field that bears the answer.
const SURE: &str = "sure";

#[derive(Template)]
#[template(path = "sure.html")]
struct SurePage {
    words: &'static Words,
    token: String,
    /// The name of the words of the button that was pressed.
    press: &'static str,
    /// The question, in words.
    question: String,
    /// What it is about; empty where nothing more is known of it.
    about: String,
    /// Where the answer goes.
    place: String,
    /// What was posted, which is posted again with the answer.
    fields: Vec<(String, String)>,
}

/// What somebody answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Nobody was asked yet.
    Unasked,
    /// It is to be done.
    Yes,
    /// It was a slip of the finger.
    No,
}

impl Answer {
    /// What a form says.
    pub(super) fn of(posted: &Posted) -> Self {
        match posted.text(SURE) {
            "" => Self::Unasked,
            "yes" => Self::Yes,
            _ => Self::No,
        }
    }
}

/// Asks whether what was posted to `place` is to be done to `about`; `press` is the name of the words of the button.
pub(super) fn ask(
    site: &Site,
    words: &'static Words,
    press: &'static str,
    about: &str,
    place: String,
    posted: &Posted,
) -> Response {
    show(SurePage {
        words,
        token: site.sign_in.token(),
        press,
        question: words.part("sure", press),
        about: about.to_owned(),
        place,
        fields: posted.0.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        let answer = |text: &str| Answer::of(&Posted(vec![(SURE.to_owned(), text.to_owned())]));
        assert_eq!(
            ["yes", "no", "ya", ""].map(answer),
            [Answer::Yes, Answer::No, Answer::No, Answer::Unasked]
        );
        assert_eq!(Answer::of(&Posted(Vec::new())), Answer::Unasked);
    }
}
