//! `hub-server registry`.

use super::ask::{Desk, text};
use crate::{cli::Registry, request::Request};

pub(super) fn registry(mut desk: Desk, registry: Registry) -> anyhow::Result<()> {
    match registry {
        Registry::List => {
            desk.ask_rows(&Request::Registries, |row| {
                format!(
                    "{:<15} {:>6} rows  {}",
                    text(row, "kind"),
                    row["rows"].to_string(),
                    text(row, "version")
                )
            })?;
            Ok(())
        }
        Registry::Import { kind, file, replace } => {
            let file = std::path::absolute(&file)?;
            let request = Request::Import { kind: kind.as_str().to_owned(), file, replace };
            desk.say(&request, |answer| {
                let ignored: Vec<_> = answer["ignored"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|name| name.as_str())
                    .collect();
                let ignored = if ignored.is_empty() {
                    String::new()
                } else {
                    format!(" Columns left out: {}.", ignored.join(", "))
                };
                let changed = if answer["changed"] == true { "now has" } else { "is as it was, with" };
                let mut told =
                    format!("Registry {} {changed} {} rows.{ignored}", text(answer, "kind"), answer["rows"]);
                if answer["wrong_total"].as_u64() > Some(0) {
                    told += &format!(
                        "\nRows with a wrong cell are left out ({} wrong); correct them and import the whole file again:",
                        answer["wrong_total"]
                    );
                }
                for line in answer["wrong"].as_array().into_iter().flatten().filter_map(|line| line.as_str())
                {
                    told += &format!("\n  {line}");
                }
                told
            })
        }
    }
}
