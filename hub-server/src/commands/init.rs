//! `hub-server init`.

use std::time::Duration;

use serde_json::json;
use van_agent::host::{
    home::Home,
    output::{Failure, Printer},
};

use crate::{
    cli::Init,
    hub::{Hub, Setup},
};

pub(super) fn init(home: &Home, options: Init, mut printer: Printer) -> anyhow::Result<()> {
    let _lock = home.lock(Duration::ZERO).map_err(|_| {
        Failure::new(format!("a hub is at work in {}", home.folder().display()))
            .next("choose another folder with --home")
    })?;
    let setup =
        Setup { district: options.district, name: options.name, addresses: options.advertise.advertise };
    let warnings = Hub::create(home, &setup)?;
    let hub = Hub::open(home)?;
    let place = hub.replica().station().place.clone().expect("a hub has its place");
    let registries = hub.replica().registries();
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    printer.value(&json!({
        "district": place.district,
        "name": place.hub_name,
        "home": home.folder(),
        "villages": registries.villages().len(),
        "service_points": registries.points().len(),
        "services": registries.services().count(),
        "warnings": warnings,
    }))?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    printer.text(format_args!(
        "Hub of {} (district {}) set up in {}: {} villages, {} service points, {} services.\n\
         Next: `hub-server run`, then `hub-server invite --unit V01` for each laptop.",
        place.hub_name,
        place.district,
        home.folder().display(),
        registries.villages().len(),
        registries.points().len(),
        registries.services().count(),
    ))?;
    Ok(())
}
