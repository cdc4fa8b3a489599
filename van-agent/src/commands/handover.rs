//! `handover`.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};
use shared::desk::handover::{Act, Order};

use super::{Desk, field};
use crate::{
    attachment,
    cli::HandOver,
    handover::HandOverAct,
    host::{cases::not_done, output::Failure},
    request::Request,
};

pub(super) fn hand_over(desk: &mut Desk, options: HandOver) -> anyhow::Result<()> {
    match options {
        HandOver::List { text, with, limit } => {
            let act = HandOverAct::List { text: text.join(" "), holder: with.unwrap_or_default(), limit };
            let answer = desk.list(Request::HandOver { act }, line)?;
            desk.printer.value(&answer)?;
            if answer["products"] != answer["of"] {
                desk.printer.text(format_args!("{} of {}.", answer["products"], answer["of"]))?;
            }
            Ok(())
        }
        HandOver::Manifest { text } => {
            let act = HandOverAct::Manifest { text: text.join(" ") };
            let answer = desk.list(Request::HandOver { act }, line)?;
            desk.printer.value(&answer)?;
            let (aboard, missing) = (&answer["aboard"], &answer["missing"]);
            desk.printer.text(format_args!("Aboard: {aboard}. Ready and not aboard: {missing}."))?;
            Ok(())
        }
        HandOver::Load { all: true, .. } => {
            let answer = load_all(desk)?;
            said(desk, &answer)
        }
        HandOver::Load { cases, all: false } => order(desk, Order::of(Act::Load), cases, None),
        HandOver::Give(give) => {
            let signature = give.signature.as_deref().map(picture).transpose()?;
            let wanted = Order {
                collector: Some(give.collector),
                received: Some(give.received),
                with: give.with,
                ..Order::of(Act::Give)
            };
            order(desk, wanted, give.cases, signature)
        }
        HandOver::Entrust { cases, with, collector } => {
            let wanted = Order { with: Some(with), collector: Some(collector), ..Order::of(Act::Entrust) };
            order(desk, wanted, cases, None)
        }
        HandOver::Returned { cases, with, received } => {
            order(desk, Order { with, received: Some(received), ..Order::of(Act::Returned) }, cases, None)
        }
        HandOver::Back(back) => {
            order(desk, Order { reason: Some(back.reason), ..Order::of(Act::Back) }, back.cases, None)
        }
        HandOver::WrongHands(wrong) => {
            let wanted = Order { reason: Some(wrong.reason), ..Order::of(Act::WrongHands) };
            order(desk, wanted, wrong.cases, None)
        }
    }
}

fn order(desk: &mut Desk, order: Order, cases: Vec<String>, signature: Option<String>) -> anyhow::Result<()> {
    let answer = desk.ask(Request::HandOver { act: HandOverAct::Do { order, cases, signature } })?;
    said(desk, &answer)
}

/// Loads all that is ready, a transaction of some after another; ends at one in which any was refused, which would be
/// first in the next one again.
fn load_all(desk: &mut Desk) -> anyhow::Result<Value> {
    let mut done = Vec::new();
    loop {
        let asked = desk.ask(Request::HandOver { act: HandOverAct::LoadAll });
        let mut answer = match asked {
            Err(failure) if !done.is_empty() => {
                said(desk, &json!({"done": done}))?;
                return Err(failure.into());
            }
            asked => asked?,
        };
        done.extend(answer["done"].as_array().into_iter().flatten().cloned());
        if answer["left"] == 0 || answer["refused"] != json!([]) {
            answer["of"] = json!(done.len() as u64 + answer["left"].as_u64().unwrap_or(0));
            answer["done"] = json!(done);
            return Ok(answer);
        }
    }
}

/// Says what was done with which product; it has failed where it was not done with all.
fn said(desk: &mut Desk, answer: &Value) -> anyhow::Result<()> {
    desk.printer.value(answer)?;
    for done in answer["done"].as_array().into_iter().flatten() {
        desk.printer.text(format_args!("{}  {}", field(done, "slip"), field(done, "status")))?;
    }
    not_done(answer, "van-agent").map_or(Ok(()), |failure| Err(failure.into()))
}

fn picture(file: &Path) -> Result<String, Failure> {
    Ok(BASE64.encode(&attachment::read(file)?))
}

fn line(row: &Value) -> String {
    let with = row["with"].as_str().map_or_else(String::new, |with| format!(": {with}"));
    format!(
        "{}  {:<14} {:<12} {}{with}",
        field(row, "slip"),
        field(row, "status"),
        field(row, "service"),
        field(row, "name"),
    )
}
