//! `visit`.

use serde_json::Value;

use super::{Desk, field};
use crate::{cli::Visit, request::Request};

pub(super) fn visit(desk: &mut Desk, options: Visit) -> anyhow::Result<()> {
    match options {
        Visit::Open { label, date, village, point, lead, agency } => {
            let request = Request::VisitOpen { label, date, village, point, lead, agencies: agency };
            let answer = desk.ask(request)?;
            desk.printer.value(&answer)?;
            let (label, date) = (field(&answer, "label"), field(&answer, "date"));
            desk.printer.text(format_args!("Visit \"{label}\" of {date} is open."))?;
            for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                desk.printer.text(format_args!("Warning: {warning}"))?;
            }
        }
        Visit::Close { visit } => {
            let answer = desk.ask(Request::VisitClose { visit })?;
            desk.printer.value(&answer)?;
            desk.printer.text(format_args!("Closed at {}.", field(&answer, "closed")))?;
        }
        Visit::List => {
            desk.list(Request::VisitList, line)?;
        }
        Visit::Expected => {
            desk.list(Request::VisitExpected, expected)?;
        }
    }
    Ok(())
}

fn expected(found: &Value) -> String {
    let label = field(found, "label");
    match found["person"].as_object() {
        Some(_) => {
            let person = &found["person"];
            let known = match (&found["served"], &found["known"]) {
                (Value::Bool(true), _) => ", served",
                (_, Value::Bool(true)) => ", known here",
                _ => "",
            };
            let service = person["service"].as_str().unwrap_or("-");
            format!("{label}: {}  {service}{known}", field(person, "name"))
        }
        None => {
            let product = &found["product"];
            let [slip, name, status] = ["slip", "name", "status"].map(|name| field(product, name));
            format!("{label}: product {slip}  {name}  {status}")
        }
    }
}

fn line(visit: &Value) -> String {
    let state = if visit["closed"].is_string() { "closed" } else { "open" };
    let aboard = visit["agencies"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let aboard = aboard.collect::<Vec<_>>().join(" ");
    let mut line = format!(
        "{}  {}  {}  {} cases, {state}  {}",
        field(visit, "date"),
        field(visit, "unit"),
        field(visit, "label"),
        visit["cases"],
        field(visit, "visit"),
    );
    for (title, text) in
        [("agencies", aboard.as_str()), ("point", field(visit, "point")), ("lead", field(visit, "lead"))]
    {
        if !text.is_empty() && text != "-" {
            line += &format!("\n  {title}: {text}");
        }
    }
    line
}
