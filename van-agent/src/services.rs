//! The catalogue of services, as an officer looks into it before anything is typed.

use serde_json::{Value, json};
use shared::registry::row::Service;

use crate::agent::Agent;

impl Agent {
    /// Services whose code, names or agency have every word of `text`, an event each, in the order of their codes.
    pub(crate) fn services(&self, text: &str, each: &mut dyn FnMut(Value) -> bool) -> Value {
        let mut found: Vec<_> =
            self.replica().registries().services().filter(|service| is_meant(service, text)).collect();
        found.sort_by(|one, other| one.code.cmp(&other.code));
        for service in &found {
            if !each(json!(service)) {
                break;
            }
        }
        json!({"services": found.len()})
    }
}

fn is_meant(service: &Service, text: &str) -> bool {
    let Service { code, agency_code, agency, name_id, name_en, .. } = service;
    let own = format!("{code} {agency_code} {agency} {name_id} {name_en}").to_lowercase();
    text.split_whitespace().all(|word| own.contains(&word.to_lowercase()))
}
