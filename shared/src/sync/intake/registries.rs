//! Registries and catalogues that a feed brings, each difference signed by the hub.

use super::{Intake, IntakeError};
use crate::{
    identity::{self, Context, Signature},
    registry::{self, Difference},
    store::{changes, registries},
    sync::courier,
    wire::batch::Stage,
};

impl Intake<'_> {
    /// A difference of a registry that the hub has signed.
    fn signed_difference(&self, difference: &[u8], signature: &[u8]) -> Result<Difference, IntakeError> {
        let Some(place) = &self.station.place else { return Err(IntakeError::Registry) };
        let difference: Difference = minicbor::decode(difference).map_err(|_| IntakeError::Registry)?;
        let message = registry::signed_message(&place.district, &difference.kind, &difference.to);
        let signed = Signature::try_from(signature).map_err(|_| IntakeError::Signature)?;
        identity::verify(place.hub_key, Context::Registry, &message, &signed)
            .map_err(|_| IntakeError::Signature)?;
        Ok(difference)
    }

    /// The hub learns a catalogue anew that it signed in a life that it has forgotten; cases name it.
    pub(super) fn recall_catalogue(
        &mut self,
        difference: &[u8],
        signature: &[u8],
    ) -> Result<(), IntakeError> {
        let difference = self.signed_difference(difference, signature)?;
        if difference.kind != registry::Kind::Services {
            return Ok(());
        }
        let base = registries::table(self.tx, &difference.kind, difference.from)?;
        // One that starts from a version which is nowhere any more leads nowhere.
        let Ok(table) = base.apply(&difference) else { return Ok(()) };
        registries::keep(self.tx, &table)?;
        self.registries.keep_catalogue(&table);
        self.look_at_waiting()
    }

    fn look_at_waiting(&mut self) -> Result<(), IntakeError> {
        for document in changes::waiting_documents(self.tx)? {
            self.look_again(document)?;
        }
        Ok(())
    }

    pub(super) fn move_registry(
        &mut self,
        difference: &[u8],
        signature: &[u8],
        stage: Stage,
    ) -> Result<(), IntakeError> {
        let difference = self.signed_difference(difference, signature)?;
        let base = registries::table(self.tx, &difference.kind, difference.from)?;
        let table = base.apply(&difference).map_err(|_| IntakeError::Registry)?;
        registries::keep(self.tx, &table)?;
        if registries::is_part(self.tx, &difference.kind, difference.from)? {
            registries::forget(self.tx, &difference.kind, difference.from)?;
        }
        match stage {
            Stage::Part => return registries::set_part(self.tx, &table).map_err(Into::into),
            Stage::Past if difference.kind == registry::Kind::Services => {
                self.registries.keep_catalogue(&table);
            }
            Stage::Past => return Err(IntakeError::Registry),
            Stage::InForce => {
                let before = self.registries.version(&difference.kind);
                registries::put(self.tx, &table, signature)?;
                if let Some(before) = before.filter(|_| !difference.kind.keeps_versions()) {
                    registries::forget_untold(self.tx, &difference.kind, before)?;
                }
                self.registries.put(table);
                if difference.kind == registry::Kind::Devices {
                    courier::laptops_told(self.tx, self.registries)?;
                }
            }
        }
        self.tally.registries = true;
        self.look_at_waiting()
    }
}
