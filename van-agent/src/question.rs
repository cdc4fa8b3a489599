//! Questions to the hub about cases, asked of the holder of the store.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{desk::questions, document::Asked, time::Now};

use crate::{
    agent::{Agent, explained, said},
    host::output::Failure,
    needs,
};

/// What may become of a question, those that stand first.
const ASKED: [Asked; 3] = [Asked::Open, Asked::Answered, Asked::Settled];

/// What is done with questions to the hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionAct {
    /// Ask about a case, by slip number or id, in words.
    Ask(String, String),
    /// Put away what was asked about a case.
    Settle(String),
    /// List what was asked: an event each.
    List {
        /// Whether that too which was put away.
        all: bool,
    },
}

impl Agent {
    pub(crate) fn question(
        &mut self,
        now: Now,
        act: &QuestionAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let (QuestionAct::Ask(case, _) | QuestionAct::Settle(case)) = act else {
            return self.list_questions(*act == QuestionAct::List { all: true }, each);
        };
        let (document, officer) = (self.case(case)?, self.officer()?);
        let officer = Some(officer.as_str());
        let done = self.replica_mut().write(now, |writing| match act {
            QuestionAct::Ask(_, words) => {
                let asked = questions::ask(writing, document, words, officer)?;
                needs::ask(writing, document, words, officer)?;
                Ok(asked)
            }
            QuestionAct::Settle(_) | QuestionAct::List { .. } => {
                questions::settle(writing, document, officer)
            }
        });
        Ok(json!(done.map_err(explained)?))
    }

    fn list_questions(&mut self, all: bool, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let offset_minutes = self.offset_minutes();
        let states = if all { &ASKED[..] } else { &ASKED[..2] };
        let listed = questions::list(self.read()?, states, offset_minutes).map_err(said)?;
        let count = listed.len();
        for question in listed {
            each(json!(question));
        }
        Ok(json!({"questions": count}))
    }
}
