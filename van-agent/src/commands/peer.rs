//! `peer`.

use serde_json::Value;
use tokio::sync::mpsc;

use super::{Desk, bundle, field};
use crate::{
    access::{Serving, call},
    carry::CarryAct,
    host::{
        control::{Reached, reach},
        home::{Home, LOCK_PATIENCE},
        output::Printer,
    },
    peers,
    request::Request,
    start,
};

pub(super) fn list(desk: &mut Desk) -> anyhow::Result<()> {
    desk.list(Request::Carry { act: CarryAct::Peers }, |row| {
        let mut line = format!("{}  {}  {}", field(row, "laptop"), field(row, "address"), field(row, "met"));
        if row["barred"] == true {
            line += "  may not connect";
        }
        if row["carries_for"] != 0 {
            line += &format!("  {} changes are carried for it", row["carries_for"]);
        }
        if row["carried_by"] != 0 {
            line += &format!("  it signed for {} entries of this laptop", row["carried_by"]);
        }
        if row["brings_receipt"] == true {
            line += "  a receipt is on its way home to it";
        }
        line
    })?;
    Ok(())
}

pub(super) fn sync(home: &Home, address: &str, mut printer: Printer) -> anyhow::Result<()> {
    let told = match reach(home, LOCK_PATIENCE)? {
        Reached::Through(mut client) => {
            let request = Request::PeerSync { address: address.to_owned() };
            call(&mut client, &request, &mut |_| true)?
        }
        Reached::Alone(lock) => {
            let (events, _) = mpsc::unbounded_channel();
            // No link to the hub stands, of which anybody would want to hear.
            let unheard = move |event| drop(events.send(event));
            let serving = Serving::begin(home, lock, start::open(home), |_| {}, unheard)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let met = runtime.block_on(peers::meet(serving.owner.handle(), address));
            serving.end();
            met?
        }
    };
    printer.value(&told)?;
    printer.text(sentence(&told))?;
    Ok(())
}

fn sentence(told: &Value) -> String {
    format!("{}\n{} signed for what it took.", bundle::imported(told), field(told, "maker"))
}
