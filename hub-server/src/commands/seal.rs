//! `hub-server seal`.

use serde_json::Value;
use van_agent::host::{
    picture::{self, Sought},
    typed,
};

use super::ask::{Desk, text};
use crate::{cli::Seal, request::Request};

pub(super) fn seal(mut desk: Desk, seal: Seal) -> anyhow::Result<()> {
    match seal {
        Seal::List => {
            let mut none = true;
            desk.ask_rows(&Request::Seals, |row| {
                none = false;
                line(row)
            })?;
            if none {
                desk.printer.text("No seal came yet: laptops make one with `van-agent day close`.")?;
            }
            Ok(())
        }
        Seal::Add { text, image } => {
            let typed = match &image {
                Some(file) => picture::text_in_file(file, Sought::Seal)?,
                None => typed::text(&text)?,
            };
            desk.say(&Request::SealAdd { typed }, |answer| {
                let first = if answer["new"] == true { "Kept." } else { "This seal was here already." };
                format!("{first}\n{}", line(answer))
            })
        }
    }
}

fn line(row: &Value) -> String {
    let laptop = row["laptop"].as_str().map_or_else(|| format!("laptop {}", row["device"]), str::to_owned);
    let leader = match text(row, "leader") {
        "" => String::new(),
        leader => format!(", team leader {leader}"),
    };
    let mut line = format!(
        "{}  {laptop}  entries {} to {}  {}{leader}: {}",
        text(row, "date"),
        row["first"],
        row["last"],
        text(row, "came"),
        verdict(row),
    );
    if row["missing"].as_u64().is_some_and(|missing| missing > 0) && row["lives"].as_u64() > Some(1) {
        line += "\n  This laptop has begun another life since: what is missing may have come in that one.";
    }
    line
}

fn verdict(row: &Value) -> String {
    match (text(row, "signature"), text(row, "chain"), row["missing"].as_u64()) {
        ("unknown_device", ..) => {
            "ALARM: the hub knows no such laptop, so that nobody can say who signed".to_owned()
        }
        ("wrong", ..) => "ALARM: the laptop did not sign this".to_owned(),
        (_, "differs", _) => {
            "ALARM: the hub holds something else in these places: another life of this laptop \
                              wrote them, its disk went back in time or was copied"
                .to_owned()
        }
        (_, _, Some(0)) => "everything is here".to_owned(),
        (_, _, missing) => format!("{} of {} entries are missing", missing.unwrap_or(0), row["entries"]),
    }
}
