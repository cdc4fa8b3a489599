//! `enroll`: takes a ticket, and ends with the registries on the laptop.

use serde_json::json;
use shared::{
    identity::{Key, ticket::Ticket},
    registry::Registries,
    sync::station::Place,
};

use super::sync::exchange;
use crate::{
    cli::Enroll,
    host::{
        control::{Reached, reach},
        home::{Home, LOCK_PATIENCE},
        output::{Failure, Printer},
    },
    link::{FIRST_PACKET, PATIENCE, Purpose, Target},
    start,
};

pub(super) fn enroll(home: &Home, options: &Enroll, mut printer: Printer) -> anyhow::Result<()> {
    let ticket: Ticket = options.ticket.join("").parse().map_err(|error| {
        Failure::new(format!("the ticket cannot be read: {error}"))
            .next("copy it whole, or ask the hub operator for a new one")
    })?;
    let Reached::Alone(lock) = reach(home, LOCK_PATIENCE)? else {
        return Err(Failure::new(format!("another program is at work in {}", home.folder().display()))
            .next("stop it, then enrol")
            .into());
    };
    let first_packet = options.patience.unwrap_or(FIRST_PACKET);
    let given = ticket.clone();
    let enrol = move |agent: &mut crate::agent::Agent| {
        if let Some(place) = &agent.replica().station().place {
            let district = &place.district;
            return Err(Failure::new(format!("this laptop is already enrolled in district {district}"))
                .next("name another folder with --home to enrol it elsewhere"));
        }
        agent.replica_mut().enrol(given);
        Ok(())
    };
    let target = move |agent: &crate::agent::Agent| {
        let key = Key::from_seed(*agent.replica().station().key.seed());
        Ok(Target {
            purpose: Purpose::Enrol(first_packet),
            key,
            hub: ticket.hub,
            addresses: ticket.addresses,
        })
    };
    let (report, serving) = {
        let patience = options.patience.unwrap_or(PATIENCE);
        exchange(home, lock, start::open_new(home), patience, enrol, target)?
    };
    let agent = serving.finish();
    let Some(place) = &agent.replica().station().place else {
        let error = report.error.unwrap_or_else(|| "the hub did not answer".to_owned());
        let next = report.next.unwrap_or_else(|| "try again where there is a network".to_owned());
        return Err(Failure::new(error).next(next).into());
    };
    home.keep_room();
    tell(place, agent.replica().registries(), report.seconds, &mut printer)?;
    if !report.ok {
        let error = report.error.unwrap_or_default();
        return Err(Failure::new(format!("enrolled, but not everything came along: {error}"))
            .next("give `van-agent sync` where there is a network, before the trip")
            .into());
    }
    Ok(())
}

fn tell(place: &Place, registries: &Registries, seconds: f64, printer: &mut Printer) -> anyhow::Result<()> {
    let unit = place.unit.as_ref().map_or("", |unit| unit.as_str());
    let (villages, services) = (registries.villages().len(), registries.services().count());
    printer.value(&json!({
        "ok": true,
        "device": place.device,
        "unit": unit,
        "letter": place.letter,
        "district": place.district,
        "hub": place.hub_name,
        "villages": villages,
        "service_points": registries.points().len(),
        "services": services,
        "seconds": seconds,
    }))?;
    printer.text(format_args!(
        "Enrolled in district {} as {unit}{} of \"{}\": {villages} villages, {services} services. Ready to work offline.",
        place.district, place.letter, place.hub_name
    ))?;
    Ok(())
}
