//! Files that officers attach to cases and take away again.

use shared::{
    document::{Case, View, attachment, attachment::Kind},
    id::{ContentHash, DocumentId},
    store::{self, changes, read_model},
};

use super::World;

/// Bytes of a file, at most.
const BYTES_MAX: u64 = 30_000;
/// Contents that come up again and again, so that several cases and vans share them.
const CONTENTS: u64 = 40;

impl World {
    /// An officer attaches a file to some case, at times one that is there already; or takes one away.
    pub(super) fn attach(&mut self) -> anyhow::Result<()> {
        let Some(van) = self.some_van() else { return Ok(()) };
        let replica = self.machines[van].running()?;
        let tx = replica.read()?;
        let mut cases: Vec<DocumentId> = Vec::new();
        read_model::cases(tx, None, |row| cases.push(row.document))?;
        if cases.is_empty() {
            return Ok(());
        }
        let case = *self.random.pick(&cases);
        let history = changes::history(tx, case)?;
        let standing: Vec<ContentHash> = Case::read(&View::of(&history)).attachments.into_keys().collect();
        if !standing.is_empty() && self.random.chance(0.2) {
            let hash = *self.random.pick(&standing);
            return self.work(van, |desk| {
                let mut edit = desk.writing.open(case)?;
                attachment::detach(&mut edit, hash, "tidak terbaca")?;
                desk.save(case, edit)
            });
        }
        let content = self.content();
        let files = self.machines[van].running()?.store().files();
        let hash = files.put(&content)?;
        let small = files.put(&content[..content.len().min(300)])?;
        let noted = self.model.edits();
        self.work(van, |desk| {
            let mut edit = desk.writing.open(case)?;
            attachment::New {
                hash,
                name: None,
                kind: Kind::Scan,
                media_type: "application/octet-stream",
                size: content.len() as u64,
                at: desk.now(),
                thumbnail: (small != hash).then_some(small),
            }
            .write(&mut edit)?;
            desk.save(case, edit)?;
            store::attachment::put_own(desk.writing.tx, hash, content.len() as u64)?;
            if small != hash {
                store::attachment::put_own(desk.writing.tx, small, 300)?;
            }
            Ok(())
        })?;
        // A refused edit leaves no trace of it.
        let Some(replica) = self.machines[van].replica.as_ref() else { return Ok(()) };
        if store::attachment::find(replica.store().reader(), hash)?.is_some_and(|known| known.own) {
            self.model.attached(van, &self.machines[van], hash, noted);
        }
        Ok(())
    }

    /// Some content; its number makes its bytes.
    fn content(&mut self) -> Vec<u8> {
        let number = self.random.below(CONTENTS);
        let size = if self.random.chance(0.5) { 1 + number * 7 } else { 1 + number * BYTES_MAX / CONTENTS };
        let mut random = crate::random::Random::of(number, "content");
        let mut bytes = vec![0; size as usize];
        random.fill(&mut bytes);
        bytes
    }
}
