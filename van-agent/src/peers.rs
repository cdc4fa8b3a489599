//! Meeting another laptop of the fleet on the same network: over QUIC with both keys proven, each hands the other
//! what no receipt covers, and signs for what it took.
//!
//! The one that dials speaks first. Both say what they need nothing more of; then bundles go there, back, and the
//! last one, with the caller's notes, there. A bundle that comes over the wire is taken in as one from a stick. Behind
//! all that come files, there and back, where both say that they give and take them: offered, answered with what is
//! wanted or receipted, and sent one after the other.

mod files;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use serde_json::{Value, json};
use shared::{
    id::{DeviceId, PublicKey},
    identity::{Key, tls},
    sync::{
        CloseCode,
        bundle::{BUNDLE_BYTES_MAX, For, Greeting, Imported},
    },
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use self::files::Turn;
use crate::{
    agent::{Agent, PeerCall, said},
    carry::take_in,
    host::{
        machine,
        meter::Meter,
        output::Failure,
        owner::{Handle, Stopped},
        quic::{self, Side},
        wire,
    },
    interfaces,
};

/// Laptops that are served at the same time.
const GUESTS_MAX: usize = 4;
/// How long a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long the facts of a meeting may take.
const FACTS_PATIENCE: Duration = Duration::from_secs(600);
/// Exchanges with other laptops that may wait for the one under way.
pub const WAITING_MAX: usize = 4;
/// The version of this conversation.
const VERSION: u32 = 1;

/// Who takes part, and with which key.
struct Own {
    key: Key,
    fleet: Vec<PublicKey>,
}

async fn own(owner: &Handle<Agent>) -> Result<Own, Failure> {
    let own = owner.run(|agent, _| {
        let key = Key::from_seed(*agent.replica().station().key.seed());
        Own { key, fleet: agent.fleet_keys() }
    });
    own.await.map_err(stopped)
}

/// Meets the laptop that listens at `address`; what it gave.
///
/// # Errors
/// Nobody answers there, or nobody of this fleet; what was taken by then is kept.
pub async fn meet(owner: &Handle<Agent>, address: &str) -> Result<Value, Failure> {
    let own = own(owner).await?;
    let socket = tokio::net::lookup_host(address).await.ok().and_then(|mut found| found.next());
    let socket = socket.ok_or_else(|| {
        Failure::usage(format!("`{address}` is not where a laptop listens"))
            .why("no-laptop")
            .next("give the address that the other laptop shows, such as 192.168.1.20:4434")
    })?;
    let silent = || {
        Failure::new(format!("no laptop answers at {address}"))
            .why("no-laptop")
            .next("see that both are on one network and that the other runs `van-agent run --peers IP:PORT`")
    };
    let endpoint = quic::van_endpoint(&Meter::default()).map_err(|_| silent())?;
    let pinned = tls::fleet_config(&own.key, own.fleet);
    let transport = Arc::new(quic::transport(Side::Van { keep_alive: None }));
    let config = quic::client_config(pinned.config, transport);
    let connecting = endpoint.connect_with(config, socket, tls::SERVER_NAME).map_err(|_| silent())?;
    let connection = match timeout(HANDSHAKE_PATIENCE, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(_)) if pinned.stranger.key().is_some() => return Err(stranger()),
        Ok(Err(_)) | Err(_) => return Err(silent()),
    };
    let peer = known(owner, &connection).await?;
    let met = call(owner, peer, &connection).await;
    connection.close(VarInt::from_u32(CloseCode::Done.value()), b"");
    quic::leave(&endpoint).await;
    let imported = met?;
    let address = address.to_owned();
    let told = owner.run(move |agent, now| {
        agent.note_met(now, peer, &address)?;
        Ok::<_, Failure>(agent.told(&imported))
    });
    let mut told = told.await.map_err(stopped)??;
    told["met"] = json!(peer);
    Ok(told)
}

/// Opens `listen` for other laptops.
///
/// # Errors
/// The address cannot be listened on.
pub async fn open(owner: &Handle<Agent>, listen: SocketAddr) -> Result<Endpoint, Failure> {
    let own = own(owner).await?;
    let mut reset_key = [0; 64];
    machine::entropy(&mut reset_key);
    quic::hub_endpoint(listen, &own.key, &reset_key).map_err(|error| {
        Failure::new(format!("cannot listen for other laptops on {listen}: {error}"))
            .why("other")
            .next("choose another address with --peers IP:PORT")
    })
}

/// The addresses by which others on the same networks meet the laptop that listens at `door`; none where it is on none.
pub fn met_at(door: SocketAddr) -> Vec<SocketAddr> {
    if !door.ip().is_unspecified() {
        return vec![door];
    }
    let own = interfaces::addresses().into_iter().filter(|own| own.is_ipv4() || door.is_ipv6());
    own.map(|own| SocketAddr::new(own, door.port())).collect()
}

/// Receives laptops at `endpoint` until it is dropped.
pub async fn receive(endpoint: Endpoint, owner: Handle<Agent>) {
    let room = Arc::new(Semaphore::new(GUESTS_MAX));
    while let Some(incoming) = endpoint.accept().await {
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let owner = owner.clone();
        tokio::spawn(async move {
            let _place = place;
            let shaken = async { incoming.accept()?.await };
            let Ok(Ok(connection)) = timeout(HANDSHAKE_PATIENCE, shaken).await else {
                return tracing::debug!("a handshake of another laptop failed");
            };
            match host(&owner, &connection).await {
                Ok(imported) => tracing::info!(
                    peer = imported.maker.0,
                    changes = imported.changes,
                    notes = imported.notes,
                    "met a laptop"
                ),
                Err(failure) => tracing::info!(reason = failure.message, "a meeting came to nothing"),
            }
        });
    }
}

/// Carries out wishes to meet other laptops, one after the other.
pub async fn oblige(owner: Handle<Agent>, mut calls: mpsc::Receiver<PeerCall>) {
    while let Some(PeerCall { address, reply }) = calls.recv().await {
        match meet(&owner, &address).await {
            Ok(met) => reply.done(met),
            Err(failure) => reply.fail(failure),
        }
    }
}

async fn host(owner: &Handle<Agent>, connection: &Connection) -> Result<Imported, Failure> {
    let peer = match known(owner, connection).await {
        Ok(peer) => peer,
        Err(failure) => {
            let code = VarInt::from_u32(CloseCode::UnknownDevice.value());
            connection.close(code, failure.message.as_bytes());
            return Err(failure);
        }
    };
    let facts = async {
        let (send, receive) = connection.accept_bi().await.map_err(broken)?;
        let mut meeting = Meeting { owner, peer, send, receive };
        Ok((meeting.answer().await?, meeting))
    };
    let ((mut imported, has_files), mut meeting) = in_time(facts).await?;
    owner.run(move |agent, now| agent.note_met(now, peer, "")).await.map_err(stopped)??;
    if has_files && !meeting.carry_files(Turn::Take, &mut imported).await {
        return Ok(imported);
    }
    meeting.send.finish().map_err(broken)?;
    // The caller closes once it has heard; one that does not has had its time.
    drop(timeout(FACTS_PATIENCE, connection.closed()).await);
    Ok(imported)
}

/// Speaks first with the laptop at the other end; what it gave.
async fn call(owner: &Handle<Agent>, peer: DeviceId, connection: &Connection) -> Result<Imported, Failure> {
    let facts = async {
        let (send, receive) = connection.open_bi().await.map_err(broken)?;
        let mut meeting = Meeting { owner, peer, send, receive };
        Ok((meeting.call().await?, meeting))
    };
    let ((mut imported, has_files), mut meeting) = in_time(facts).await?;
    if has_files && !meeting.carry_files(Turn::Give, &mut imported).await {
        return Ok(imported);
    }
    // The other has stored it once it ends its side.
    in_time(async {
        meeting.send.finish().map_err(broken)?;
        meeting.receive.read_to_end(0).await.map_err(broken)
    })
    .await?;
    Ok(imported)
}

/// What comes of `work`, unless it takes too long.
async fn in_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(FACTS_PATIENCE, work).await.unwrap_or_else(|_| Err(broken("it took too long")))
}

/// Which laptop of the fleet the other end is.
async fn known(owner: &Handle<Agent>, connection: &Connection) -> Result<DeviceId, Failure> {
    let (key, _) =
        wire::proven(connection).map_err(|error| Failure::new(error.to_string()).why("no-laptop"))?;
    let peer = owner.run(move |agent, _| agent.peer_of(key)).await.map_err(stopped)?;
    peer.ok_or_else(stranger)
}

/// One meeting.
struct Meeting<'a> {
    owner: &'a Handle<Agent>,
    peer: DeviceId,
    send: SendStream,
    receive: RecvStream,
}

impl Meeting<'_> {
    /// Gives and takes all facts as the one that speaks first; whether files may follow.
    async fn call(&mut self) -> Result<(Imported, bool), Failure> {
        self.greet().await?;
        let told = self.greeting().await?;
        self.give(told.clone(), false).await?;
        let imported = self.take().await?;
        let has_files = told.has_files();
        self.give(told, true).await?;
        Ok((imported, has_files))
    }

    /// Takes and gives all facts as the one that is spoken to; whether files may follow.
    async fn answer(&mut self) -> Result<(Imported, bool), Failure> {
        let told = self.greeting().await?;
        self.greet().await?;
        let mut imported = self.take().await?;
        let has_files = told.has_files();
        self.give(told, false).await?;
        imported.add(self.take().await?);
        Ok((imported, has_files))
    }

    async fn greet(&mut self) -> Result<(), Failure> {
        let greeting = self.owner.run(|agent, _| agent.replica().greeting(VERSION).map_err(said));
        let greeting = greeting.await.map_err(stopped)??;
        self.write(&greeting.to_bytes()).await
    }

    async fn greeting(&mut self) -> Result<Arc<Greeting>, Failure> {
        let bytes = self.read(Greeting::BYTES_MAX).await?;
        match Greeting::of_bytes(&bytes) {
            Some(greeting) if greeting.version == VERSION => {
                let (peer, greeting) = (self.peer, Arc::new(greeting));
                let heard = Arc::clone(&greeting);
                let noted =
                    self.owner.run(move |agent, _| agent.replica_mut().greeted(peer, &heard).map_err(said));
                noted.await.map_err(stopped)??;
                Ok(greeting)
            }
            Some(_) => Err(Failure::new("the other laptop's program is of another version")
                .why("other-version")
                .next("update the programs of both")),
            None => Err(nonsense()),
        }
    }

    /// Hands over what the other lacks; at the end receipts and notes alone.
    async fn give(&mut self, told: Arc<Greeting>, is_farewell: bool) -> Result<(), Failure> {
        let peer = self.peer;
        let bundle = self.owner.run(move |agent, now| {
            let whose = if is_farewell { For::Farewell(peer, &told) } else { For::Guest(peer, &told) };
            agent.replica_mut().export_bundle(now, whose).map_err(said)
        });
        let bundle = bundle.await.map_err(stopped)??;
        self.write(&bundle.bytes).await
    }

    async fn take(&mut self) -> Result<Imported, Failure> {
        let bytes = self.read(BUNDLE_BYTES_MAX).await?;
        let (mut owner, peer) = (self.owner.clone(), self.peer);
        let taken = tokio::task::spawn_blocking(move || take_in(&mut owner, &bytes, Some(peer)));
        taken.await.map_err(broken)?
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let length =
            u32::try_from(bytes.len()).map_err(|_| Failure::new("a message is too long").why("broke-off"))?;
        self.send.write_all(&length.to_be_bytes()).await.map_err(broken)?;
        self.send.write_all(bytes).await.map_err(broken)
    }

    async fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, Failure> {
        let mut length = [0; 4];
        self.receive.read_exact(&mut length).await.map_err(broken)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > bytes_max {
            return Err(Failure::new("the other laptop sends more than allowed").why("broke-off"));
        }
        // Room is made as bytes come, not as they are announced.
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let chunk = self.receive.read_chunk(length - bytes.len(), true).await.map_err(broken)?;
            let chunk = chunk.ok_or_else(|| broken("the stream ended"))?;
            bytes.extend_from_slice(&chunk.bytes);
        }
        Ok(bytes)
    }
}

fn nonsense() -> Failure {
    Failure::new("the other laptop said something that makes no sense").why("broke-off")
}

fn stranger() -> Failure {
    Failure::new("the machine that answers is not known here as a laptop of this fleet that may connect")
        .why("no-laptop")
        .next("sync both laptops with the hub, which tells their keys, then try again")
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("the meeting broke off: {error}"))
        .why("broke-off")
        .next("give the command again; what was taken by then is kept on both laptops")
}

fn stopped(error: Stopped) -> Failure {
    Failure::new(error.to_string()).why("stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_laptop_that_listens_everywhere_is_met_at_an_address_of_its_own() {
        let door = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let here = door("127.0.0.1:4434");
        assert_eq!(met_at(here), [here]);
        for everywhere in ["0.0.0.0:4434", "[::]:4434"] {
            let met = met_at(door(everywhere));
            let is_told =
                |at: &SocketAddr| at.port() == 4434 && !at.ip().is_unspecified() && !at.ip().is_loopback();
            assert!(met.iter().all(is_told), "{met:?}");
        }
    }
}
