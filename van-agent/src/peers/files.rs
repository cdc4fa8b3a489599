//! Files at the end of a meeting: each side offers in its turn what the hub has not receipted, and the other takes what
//! it wants, to carry it.

use std::time::Duration;

use shared::{
    store::StoreError,
    sync::{
        Replica,
        bundle::{Imported, Part},
    },
    time::Now,
    wire::{
        Frame,
        attachment::{Message, NAMED_MAX, Offered, Refusal, Wanted},
        frame::{DATA_BYTES_MAX, FRAME_BYTES_MAX, FrameReader},
    },
};

use tokio::time::timeout;

use super::{Meeting, broken, nonsense, stopped};
use crate::{agent::said, host::output::Failure};

/// The one file that is under way.
const SLOT: u8 = 0;
/// Bytes of a file after which they are stored: what a meeting that is cut off loses of it, at most.
const STORED_BYTES: u64 = 2 << 20;
/// How long files may take.
const FILES_PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of a frame's type and length, at most.
const FRAME_HEAD_BYTES: usize = 16;

/// Which side gives its files first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    Give,
    Take,
}

impl Meeting<'_> {
    /// Gives and takes files, behind all facts; whether all went well. Where it did not, that is told among what was
    /// refused: the facts have arrived.
    pub(super) async fn carry_files(&mut self, first: Turn, imported: &mut Imported) -> bool {
        let mut files = Imported { maker: imported.maker, ..Imported::default() };
        let carrying = async {
            if first == Turn::Give {
                self.give_files(&mut files).await?;
            }
            self.take_files(&mut files).await?;
            if first == Turn::Take {
                self.give_files(&mut files).await?;
            }
            Ok(())
        };
        let carried = timeout(FILES_PATIENCE, carrying).await;
        let carried = carried.unwrap_or_else(|_| Err(broken("it took too long")));
        imported.add(files);
        if let Err(failure) = &carried {
            let message = &failure.message;
            imported.refuse(format!("not all attachments: {message}; meet again, which goes on from there"));
        }
        carried.is_ok()
    }

    /// Offers what the hub has not receipted, and sends what the other wants of it.
    async fn give_files(&mut self, imported: &mut Imported) -> Result<(), Failure> {
        let offered = self.owner.run(|agent, _| agent.replica_mut().files_to_offer().map_err(said));
        let offered = offered.await.map_err(stopped)??;
        for some in offered.chunks(NAMED_MAX) {
            self.say(Message::Offer(some.to_vec())).await?;
            for wanted in self.answered(imported).await? {
                if !some.iter().any(|file| file.hash == wanted.hash) {
                    return Err(nonsense());
                }
                self.give_file(wanted).await?;
            }
        }
        self.say(Message::Offer(Vec::new())).await
    }

    /// What the other wants; the receipts that it has for what was offered are kept.
    async fn answered(&mut self, imported: &mut Imported) -> Result<Vec<Wanted>, Failure> {
        loop {
            let receipt = match self.hear().await? {
                Message::Want(wanted) => return Ok(wanted),
                Message::Receipt(receipt) => receipt,
                Message::Carries
                | Message::Offer(_)
                | Message::Start { .. }
                | Message::Data { .. }
                | Message::Credit(_)
                | Message::Refuse { .. }
                | Message::Dictionary(_) => return Err(nonsense()),
            };
            let part = Part::FileReceipt(receipt);
            self.note(imported, move |replica, now, imported| replica.take_part(now, part, imported)).await?;
        }
    }

    /// Has the store take something in, and counts it.
    async fn note(
        &mut self,
        imported: &mut Imported,
        take: impl FnOnce(&mut Replica, Now, &mut Imported) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), Failure> {
        let mut counted = std::mem::take(imported);
        let taken = self.owner.run(move |agent, now| {
            let taken = take(agent.replica_mut(), now, &mut counted);
            (counted, taken.map_err(said))
        });
        let (counted, taken) = taken.await.map_err(stopped)?;
        *imported = counted;
        taken
    }

    async fn give_file(&mut self, Wanted { hash, held }: Wanted) -> Result<(), Failure> {
        let bytes = self.owner.run(move |agent, _| agent.replica_mut().read_file(hash).map_err(said));
        let Some(bytes) = bytes.await.map_err(stopped)?? else {
            return self.say(Message::Refuse { hash, refusal: Refusal::NotHere }).await;
        };
        let rest = usize::try_from(held).ok().and_then(|held| bytes.get(held..)).unwrap_or(&bytes);
        let (size, offset) = (bytes.len() as u64, (bytes.len() - rest.len()) as u64);
        self.say(Message::Start { slot: SLOT, hash, size, offset }).await?;
        for data in rest.chunks(DATA_BYTES_MAX) {
            self.say(Message::Data { slot: SLOT, bytes: data.to_vec() }).await?;
        }
        Ok(())
    }

    /// Takes what the other offers and this laptop lacks.
    async fn take_files(&mut self, imported: &mut Imported) -> Result<(), Failure> {
        loop {
            let Message::Offer(offered) = self.hear().await? else { return Err(nonsense()) };
            if offered.is_empty() {
                return Ok(());
            }
            let files = offered.clone();
            let answer =
                self.owner.run(move |agent, _| agent.replica_mut().answer_offer(&files).map_err(said));
            let answer = answer.await.map_err(stopped)??;
            for receipt in answer.receipts {
                self.say(Message::Receipt(receipt)).await?;
            }
            self.say(Message::Want(answer.wanted.clone())).await?;
            for wanted in answer.wanted {
                let file = offered.iter().find(|file| file.hash == wanted.hash);
                self.take_file(*file.ok_or_else(nonsense)?, imported).await?;
            }
        }
    }

    async fn take_file(&mut self, file: Offered, imported: &mut Imported) -> Result<(), Failure> {
        let offset = match self.hear().await? {
            Message::Start { hash, size, offset, .. }
                if (hash, size) == (file.hash, file.size) && offset < size =>
            {
                offset
            }
            Message::Refuse { hash, .. } if hash == file.hash => return Ok(()),
            Message::Start { .. }
            | Message::Refuse { .. }
            | Message::Carries
            | Message::Offer(_)
            | Message::Want(_)
            | Message::Data { .. }
            | Message::Credit(_)
            | Message::Receipt(_)
            | Message::Dictionary(_) => return Err(nonsense()),
        };
        let mut from = offset;
        while from < file.size {
            let (bytes, came) = self.some_of(file.size - from).await;
            let behind = from + bytes.len() as u64;
            // What came of one that broke off is kept too.
            self.note(imported, move |replica, _, imported| replica.take_given(file, from, &bytes, imported))
                .await?;
            came?;
            from = behind;
        }
        Ok(())
    }

    /// The next bytes of a file of which `left` are to come, as many as are stored at once; what came before a failure
    /// with it.
    async fn some_of(&mut self, left: u64) -> (Vec<u8>, Result<(), Failure>) {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < left.min(STORED_BYTES) {
            let rest = left - bytes.len() as u64;
            match self.hear().await {
                Ok(Message::Data { bytes: data, .. }) if (1..=rest).contains(&(data.len() as u64)) => {
                    bytes.extend(data);
                }
                Ok(_) => return (bytes, Err(nonsense())),
                Err(failure) => return (bytes, Err(failure)),
            }
        }
        (bytes, Ok(()))
    }

    async fn say(&mut self, message: Message) -> Result<(), Failure> {
        self.write(&Frame::Attachment(message).to_bytes()).await
    }

    async fn hear(&mut self) -> Result<Message, Failure> {
        let bytes = self.read(FRAME_BYTES_MAX + FRAME_HEAD_BYTES).await?;
        let mut reader = FrameReader::default();
        reader.push(&bytes);
        match reader.poll() {
            Ok(Some(Frame::Attachment(message))) => Ok(message),
            Ok(_) | Err(_) => Err(nonsense()),
        }
    }
}
