//! Products on their way into citizens' hands: marked ready, loaded, given, entrusted, back to stock, in wrong hands.
//!
//! What may be done with which product is planned first, without writing; then everything that may be done is written
//! in one transaction. **Invariant:** what may not be done with one product stops no other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    amend::{self, AmendError, Amendment},
    because::Explained as _,
    files::{self, FileError, NewFile},
};
use crate::{
    collection::{Collector, Received, listed},
    document::{Case, Event, State, View},
    id::{DocumentId, UnitId},
    registry::Registries,
    store::{StoreError, read_model},
    sync::writing::{SaveError, Writing},
};

/// What is done with products.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The hub marks them ready, for a unit where it names one.
    Ready,
    /// They are aboard.
    Load,
    /// They go into the hands of who may collect them.
    Give,
    /// One person takes them along for others.
    Entrust,
    /// The list of whoever took them along came back: they are with their owners.
    Returned,
    /// They go back to stock.
    Back,
    /// They went into wrong hands.
    WrongHands,
}

/// An act with all that it needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What is done.
    pub act: Act,
    /// Who collects.
    #[serde(default)]
    pub collector: Option<Collector>,
    /// How they confirm it.
    #[serde(default)]
    pub received: Option<Received>,
    /// Their name, where that is not the subject.
    #[serde(default)]
    pub with: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The officer.
    #[serde(default)]
    pub officer: Option<String>,
    /// The unit that they are ready for, or aboard of.
    #[serde(default)]
    pub unit: Option<UnitId>,
    /// The agency in whose name they are marked ready.
    #[serde(default)]
    pub agency: Option<String>,
}

impl Order {
    /// An act that needs nothing more.
    pub fn of(act: Act) -> Self {
        Self {
            act,
            collector: None,
            received: None,
            with: None,
            reason: None,
            officer: None,
            unit: None,
            agency: None,
        }
    }

    /// Whether everything is there that the act needs, whatever the products.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<(), OrderError> {
        let has = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        match self.act {
            Act::Give if self.collector.is_none() => Err(OrderError::Collector),
            Act::Give if self.collector != Some(Collector::Subject) && !has(&self.with) => {
                Err(OrderError::With)
            }
            Act::Give if self.received.is_none() => Err(OrderError::Received),
            Act::Entrust if !has(&self.with) => Err(OrderError::With),
            Act::Entrust if self.collector.is_none() => Err(OrderError::Collector),
            Act::Back | Act::WrongHands if !has(&self.reason) => Err(OrderError::Reason),
            Act::Ready
            | Act::Load
            | Act::Give
            | Act::Entrust
            | Act::Returned
            | Act::Back
            | Act::WrongHands => Ok(()),
        }
    }

    /// The states in which it may be done.
    fn from(&self) -> &'static [State] {
        match self.act {
            Act::Ready => &[State::Issued, State::IssuedByDefault, State::Ready],
            Act::Load => &[State::Ready],
            Act::Give => &[State::WithCollector, State::Loaded],
            Act::Back => &[State::WithCollector, State::Loaded, State::Ready],
            Act::Entrust => &[State::Loaded],
            Act::Returned => &[State::WithCollector],
            Act::WrongHands => &[State::HandedOver],
        }
    }

    /// What is written for a product.
    fn amendment(&self, product: &Product) -> Amendment {
        let state = match self.act {
            Act::Ready | Act::Back => State::Ready,
            Act::Load => State::Loaded,
            Act::Give | Act::Returned => State::HandedOver,
            Act::Entrust => State::WithCollector,
            Act::WrongHands => {
                let why = self.reason.as_deref().unwrap_or_default();
                return Amendment { settings: vec![amend::Setting::alarm(why)], ..Amendment::default() };
            }
        };
        // Whoever took it along is who collected it, where the list says nothing else.
        let held = (self.act == Act::Returned).then_some(product.holder.as_ref()).flatten();
        let is_collected = !matches!(self.act, Act::Ready | Act::Load | Act::Back);
        let collected = |text: Option<String>| text.filter(|_| is_collected);
        Amendment {
            settings: vec![amend::Setting::status(state)],
            reason: self.reason.clone(),
            with: collected(self.with.clone()).or_else(|| held.map(|held| held.name.clone())),
            collector: self.collector.filter(|_| is_collected).or_else(|| held.and_then(|held| held.role)),
            received: self.received.filter(|_| state == State::HandedOver),
            officer: self.officer.clone(),
            unit: self.unit.clone().filter(|_| matches!(self.act, Act::Ready | Act::Load)),
            agency: self.agency.clone().filter(|_| self.act == Act::Ready),
            reference: None,
        }
    }
}

/// What an order lacks, whatever the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nobody says who collects.
    #[error("who collects is to be said: {}", listed(&Collector::ALL))]
    Collector,
    /// Somebody else than the subject has a name.
    #[error("the name of who takes it is to be said")]
    With,
    /// Nobody says how it was confirmed.
    #[error("how the receipt was confirmed is to be said: {}", listed(&Received::ALL))]
    Received,
    /// It needs a reason.
    #[error("the reason is to be said")]
    Reason,
}

/// A product as far as it decides what may be done with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: String,
    /// Where it stands.
    pub state: State,
    /// Who may collect it; empty where nothing is known.
    pub collectors: Vec<Collector>,
    /// When the subject's death was reported, where it was.
    pub death: Option<String>,
    /// Who took it along last.
    pub holder: Option<Holder>,
    /// The unit on whose manifest it is: the one that was named last, or the one that took the case in.
    pub for_unit: Option<UnitId>,
}

/// Who takes products along for others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Holder {
    /// The name.
    pub name: String,
    /// Who that is.
    pub role: Option<Collector>,
}

impl Product {
    /// The product of a case, of whose subject a `death` may be reported.
    pub fn of(case: DocumentId, read: &Case, death: Option<String>, registries: &Registries) -> Self {
        let service = read.service.as_deref().and_then(|service| registries.service(service));
        Self {
            case,
            slip: read.slip.clone().unwrap_or_default(),
            state: read.status(),
            collectors: service.map_or_else(Vec::new, |service| service.collectors.clone()),
            death,
            holder: holder(&read.status.events),
            for_unit: Event::unit_named_last(&read.status.events).or(read.unit.as_ref()).cloned(),
        }
    }
}

/// Who took the product of a case along, by the last event that says so.
pub fn holder(events: &[Event]) -> Option<Holder> {
    let last = events.iter().rev().find(|event| event.state == State::WithCollector)?;
    Some(Holder { name: last.with.clone()?, role: last.collected_by })
}

/// What a shown event says beside its state: who took a product, how they confirmed it, the unit, the agency with its
/// own reference, and why; empty of most events.
pub fn in_words(shown: &serde_json::Value) -> String {
    let facts = [
        ("with", "with"),
        ("collected_by", "as"),
        ("collected_how", "by"),
        ("for_unit", "unit"),
        ("agency", "agency"),
        ("reference", "reference"),
        ("reason", "reason:"),
    ];
    let told = facts.into_iter().filter_map(|(name, word)| Some(format!("{word} {}", shown[name].as_str()?)));
    told.collect::<Vec<_>>().join(", ")
}

/// A product with which something may not be done, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refused {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: String,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
    /// The same in words.
    pub reason: String,
}

/// Why something may not be done with a product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// There is no product, or it is elsewhere by now.
    #[error("it is {state}")]
    State {
        /// Where it stands.
        state: State,
    },
    /// It is ready, but not aboard.
    #[error("it is ready, but not aboard: load it first")]
    NotAboard,
    /// The subject is said to collect it, whose death is reported.
    #[error("the subject's death was reported on {death}: somebody else collects it")]
    Death {
        /// When it was reported.
        death: String,
    },
    /// Somebody else may collect it.
    #[error("it may be collected by: {}", listed(collectors))]
    Collector {
        /// Who may.
        collectors: Vec<Collector>,
    },
    /// The unit is not known, or would not hear of the case.
    #[error("{words}")]
    Unit {
        /// Why not, by its code.
        code: &'static str,
        /// Why not.
        words: String,
    },
    /// The case does not take it.
    #[error("{words}")]
    Case {
        /// Why not, by its code.
        code: &'static str,
        /// Why not.
        words: String,
    },
}

/// A product with which something was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Done {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: String,
    /// Where it stands now.
    pub status: State,
    /// The unit on whose manifest it is; an order that names none leaves it as it was.
    pub for_unit: Option<UnitId>,
}

/// What came of an order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Outcome {
    /// With which it was done.
    pub done: Vec<Done>,
    /// With which it was not.
    pub refused: Vec<Refused>,
}

/// Why nothing was done at all.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The order lacks something.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A case is not read.
    #[error(transparent)]
    Read(#[from] SaveError),
}

/// Parts the products with which an order may be carried out, each with what is to be written, from the others.
pub fn plan(products: &[Product], order: &Order) -> (Vec<(Product, Amendment)>, Vec<Refused>) {
    let (mut may, mut refused) = (Vec::new(), Vec::new());
    for product in products {
        match refusal(product, order) {
            None => may.push((product.clone(), order.amendment(product))),
            Some(why) => refused.push(refuse(product, why)),
        }
    }
    (may, refused)
}

fn refusal(product: &Product, order: &Order) -> Option<Why> {
    let collects = matches!(order.act, Act::Give | Act::Entrust);
    if !order.from().contains(&product.state) {
        let is_ashore = collects && product.state == State::Ready;
        return Some(if is_ashore { Why::NotAboard } else { Why::State { state: product.state } });
    }
    if let Some(death) = product.death.as_ref().filter(|_| order.collector == Some(Collector::Subject)) {
        return Some(Why::Death { death: death.clone() });
    }
    let wrong = |one: &Collector| !product.collectors.is_empty() && !product.collectors.contains(one);
    // Where the catalogue says nothing, the officer knows the district's rule.
    if collects && order.collector.as_ref().is_some_and(wrong) {
        return Some(Why::Collector { collectors: product.collectors.clone() });
    }
    None
}

fn refuse(product: &Product, why: Why) -> Refused {
    Refused { case: product.case, slip: product.slip.clone(), reason: why.to_string(), why }
}

/// Carries an order out with every product with which it may be, in the transaction of `writing`. A `signature` on the
/// pad becomes an attachment of each.
///
/// # Errors
/// The order lacks something or the store fails; nothing is to be committed then.
pub fn carry_out(
    writing: &mut Writing<'_>,
    order: &Order,
    cases: &[DocumentId],
    signature: Option<&NewFile>,
) -> Result<Outcome, HandOverError> {
    order.check()?;
    // As they lie in the store: a stored batch that holds several of them is inflated once.
    for case in cases.iter().collect::<BTreeSet<_>>() {
        writing.history(*case)?;
    }
    let mut products: Vec<Product> = Vec::with_capacity(cases.len());
    for case in cases {
        if products.iter().all(|known| known.case != *case) {
            let read = Case::read(&View::of(writing.history(*case)?));
            let is_asked = order.collector == Some(Collector::Subject);
            let row = if is_asked { read_model::case_of(writing.tx, *case)? } else { None };
            let death = row.and_then(|row| row.death);
            products.push(Product::of(*case, &read, death, writing.registries));
        }
    }
    let (may, refused) = plan(&products, order);
    let mut outcome = Outcome { done: Vec::with_capacity(may.len()), refused };
    for (product, amendment) in may {
        let mark = writing.mark();
        match write(writing, &product, &amendment, signature) {
            Ok(status) => {
                let for_unit = amendment.unit.or(product.for_unit);
                outcome.done.push(Done { case: product.case, slip: product.slip, status, for_unit });
            }
            Err(WriteError::One(why)) => {
                writing.rewind(mark);
                outcome.refused.push(refuse(&product, why));
            }
            Err(WriteError::All(error)) => return Err(error),
        }
    }
    Ok(outcome)
}

/// Whether one case or everything failed.
enum WriteError {
    One(Why),
    All(HandOverError),
}

fn write(
    writing: &mut Writing<'_>,
    product: &Product,
    amendment: &Amendment,
    signature: Option<&NewFile>,
) -> Result<State, WriteError> {
    let amended = match amend::amend(writing, product.case, amendment) {
        Ok(amended) => amended,
        Err(AmendError::Store(error) | AmendError::Save(SaveError::Store(error))) => {
            return Err(WriteError::All(error.into()));
        }
        Err(error @ (AmendError::Unit { .. } | AmendError::UnitElsewhere { .. })) => {
            return Err(WriteError::One(Why::Unit { code: error.because().code, words: error.to_string() }));
        }
        Err(error) => {
            return Err(WriteError::One(Why::Case { code: error.because().code, words: error.to_string() }));
        }
    };
    if let Some(file) = signature {
        match files::attach(writing, product.case, file) {
            Ok(_) => {}
            Err(FileError::Store(error) | FileError::Save(SaveError::Store(error))) => {
                return Err(WriteError::All(error.into()));
            }
            Err(error) => {
                return Err(WriteError::One(Why::Case {
                    code: error.because().code,
                    words: error.to_string(),
                }));
            }
        }
    }
    Ok(amended.status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Kind;

    fn product(number: u64, state: State, collectors: &[Collector]) -> Product {
        Product {
            case: DocumentId::new([1; 10], Kind::Case, number),
            slip: format!("slip {number}"),
            state,
            collectors: collectors.to_vec(),
            death: None,
            holder: None,
            for_unit: None,
        }
    }

    #[test]
    fn an_order_names_what_it_lacks() {
        let order = |act, collector, received, with: &str, reason: &str| {
            let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Order { collector, received, with: text(with), reason: text(reason), ..Order::of(act) }.check()
        };
        let (subject, family) = (Some(Collector::Subject), Some(Collector::Family));
        let thumb = Some(Received::Thumb);
        for (found, told) in [
            (order(Act::Give, subject, thumb, "", ""), Ok(())),
            (order(Act::Give, family, thumb, "", ""), Err(OrderError::With)),
            (order(Act::Give, None, thumb, "", ""), Err(OrderError::Collector)),
            (order(Act::Give, subject, None, "", ""), Err(OrderError::Received)),
            (order(Act::Entrust, family, None, " ", ""), Err(OrderError::With)),
            (order(Act::Entrust, None, None, "Kepala Desa", ""), Err(OrderError::Collector)),
            (order(Act::Back, None, None, "", ""), Err(OrderError::Reason)),
            (order(Act::Back, None, None, "", "tidak datang"), Ok(())),
            (order(Act::WrongHands, None, None, "", " "), Err(OrderError::Reason)),
            (order(Act::Returned, None, thumb, "", ""), Ok(())),
        ] {
            assert_eq!(found, told);
        }
    }

    #[test]
    fn what_is_refused_stops_nothing_and_has_its_reason() {
        let order = Order {
            collector: Some(Collector::VillageHead),
            with: Some("Kepala Desa".into()),
            received: Some(Received::Thumb),
            unit: Some("V01".parse().expect("a unit")),
            ..Order::of(Act::Entrust)
        };
        let products = [
            product(1, State::Loaded, &[Collector::Subject, Collector::VillageHead]),
            product(2, State::Loaded, &[Collector::Subject]),
            product(3, State::HandedOver, &[]),
            product(4, State::Ready, &[]),
        ];
        let (may, refused) = plan(&products, &order);
        let numbers: Vec<_> = may.iter().map(|(product, _)| product.slip.as_str()).collect();
        assert_eq!(numbers, ["slip 1"]);
        assert_eq!(may[0].1.with.as_deref(), Some("Kepala Desa"));
        assert_eq!(
            (may[0].1.received, &may[0].1.unit),
            (None, &None),
            "what does not belong to it is left out"
        );
        let reasons: Vec<_> = refused.iter().map(|refused| refused.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "it may be collected by: subject",
                "it is handed_over",
                "it is ready, but not aboard: load it first"
            ]
        );
    }

    #[test]
    fn nobody_collects_after_their_death() {
        let dead = Product { death: Some("2026-11-02".into()), ..product(1, State::Loaded, &[]) };
        let order = |collector| Order {
            collector: Some(collector),
            with: Some("Maria Taek".into()),
            received: Some(Received::Thumb),
            ..Order::of(Act::Give)
        };
        let refused = plan(std::slice::from_ref(&dead), &order(Collector::Subject)).1;
        assert_eq!(refused[0].why, Why::Death { death: "2026-11-02".into() });
        assert_eq!(plan(&[dead], &order(Collector::Family)).0.len(), 1);
    }

    #[test]
    fn an_event_of_a_product_has_words() {
        let shown = serde_json::json!({"state": "handed_over", "with": "Maria Taek", "collected_by": "family",
                                       "collected_how": "thumb"});
        assert_eq!(in_words(&shown), "with Maria Taek, as family, by thumb");
        assert_eq!(in_words(&serde_json::json!({"state": "received"})), "");
    }

    #[test]
    fn a_returned_list_keeps_who_took_the_products_along() {
        let mut entrusted = product(1, State::WithCollector, &[]);
        entrusted.holder = Some(Holder { name: "Kepala Desa".into(), role: Some(Collector::VillageHead) });
        let order = Order { received: Some(Received::Thumb), ..Order::of(Act::Returned) };
        let (may, refused) = plan(&[entrusted, product(2, State::Loaded, &[])], &order);
        let amendment = &may[0].1;
        assert_eq!(amendment.with.as_deref(), Some("Kepala Desa"));
        assert_eq!(
            (amendment.collector, amendment.received),
            (Some(Collector::VillageHead), Some(Received::Thumb))
        );
        assert_eq!(refused[0].why, Why::State { state: State::Loaded });
    }
}
