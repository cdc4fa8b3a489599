//! `service`.

use serde_json::Value;

use super::{Desk, field};
use crate::{cli::Service, request::Request};

pub(super) fn service(desk: &mut Desk, options: Service) -> anyhow::Result<()> {
    let Service::List { text } = options;
    let answer = desk.list(Request::ServiceList { text: text.join(" ") }, line)?;
    desk.printer.value(&answer)?;
    if answer["services"] == 0 {
        desk.printer.text("No such service is in the catalogue of this laptop.")?;
    }
    Ok(())
}

/// A service, and what must be brought for it.
fn line(service: &Value) -> String {
    let mode = match field(service, "offline_mode") {
        "full" => "done on the spot",
        "intake" => "taken in on the spot, done by the agency",
        _ => "waits for the network",
    };
    let head = format!(
        "{}  {} ({}): {mode}; {}",
        field(service, "code"),
        field(service, "name_id"),
        field(service, "agency"),
        field(service, "tariff")
    );
    let needed = service["requirements"].as_array().into_iter().flatten().filter_map(Value::as_str);
    needed.fold(head, |text, needed| format!("{text}\n    {needed}"))
}
