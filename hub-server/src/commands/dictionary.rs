//! `hub-server dictionary`.

use super::ask::{Desk, text};
use crate::{cli::Dictionary, request::Request};

pub(super) fn dictionary(mut desk: Desk, dictionary: Dictionary) -> anyhow::Result<()> {
    match dictionary {
        Dictionary::Add { file } => {
            let file = std::path::absolute(&file)?;
            desk.say(&Request::DictionaryAdd { file }, |answer| {
                let name = text(answer, "name");
                if answer["new"] == true {
                    format!("Kept as {name}: laptops fetch it at their next exchange, and use it from the one after.")
                } else {
                    format!("{name} was here already.")
                }
            })
        }
        Dictionary::List => {
            let mut none = true;
            desk.ask_rows(&Request::Dictionaries, |row| {
                none = false;
                let use_ = if row["written_with"] == true { "written with" } else { "read only" };
                format!(
                    "{}  {:>6} bytes  {use_}, {} batches",
                    text(row, "name"),
                    row["bytes"],
                    row["batches"]
                )
            })?;
            if none {
                desk.printer
                    .text("No dictionary was added: the program writes with those that came with it.")?;
            }
            Ok(())
        }
    }
}
