//! One file by HTTPS PUT over a link.
//!
//! The PUT is a single TLS 1.3 connection with the raw keys of this project on both sides, some hundred bytes less than
//! a web server's certificates would take, and its TCP has neither slow start nor a window that shrinks by losses (see
//! [`relay`](crate::relay)): the comparison errs in its favour.

use std::{sync::Arc, time::Instant};

use anyhow::{Context as _, ensure};
use shared::identity::{Key, tls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::crossing::{CROSSING_LIMIT, Cost, offered_bytes};
use crate::relay::{Profile, Relay};

const HEAD_BYTES_MAX: usize = 4_096;

/// Sends `file` by HTTPS PUT, until it is answered.
pub(super) fn put(runtime: &Runtime, profile: Profile, seed: u64, file: &[u8]) -> anyhow::Result<Cost> {
    let server_key = Key::from_seed([2; 32]);
    let pinned = tls::client_config(&Key::from_seed([1; 32]), server_key.public());
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(&server_key)));
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let target = listener.local_addr()?;
        let serving = tokio::spawn(async move { serve_put(&listener, &acceptor).await });
        let relay = Relay::start(target, profile, seed).context("start relay")?;
        let started = Instant::now();
        let stream = TcpStream::connect(relay.addr()).await?;
        stream.set_nodelay(true)?;
        let name = tls::SERVER_NAME.try_into().context("name the server")?;
        let mut stream = TlsConnector::from(Arc::new(pinned.config)).connect(name, stream).await?;
        let head = format!(
            "PUT /cases HTTP/1.1\r\nHost: hub\r\nContent-Type: application/zstd\r\nContent-Length: {}\r\n\r\n",
            file.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(file).await?;
        stream.flush().await?;
        let answer = read_head(&mut stream).await?.0;
        ensure!(answer.starts_with("HTTP/1.1 201"), "the server answered {answer}");
        let seconds = started.elapsed().as_secs_f64();
        // It may have been closed there before.
        drop(stream.shutdown().await);
        drop(stream);
        let taken: usize = serving.await??;
        ensure!(taken == file.len(), "{taken} bytes came of {}", file.len());
        let relay = tokio::task::spawn_blocking(move || {
            relay.wait(CROSSING_LIMIT, |stats| stats.connections_open == 0).context("wait for the close")
        });
        Ok(Cost { bytes: offered_bytes(&relay.await??), seconds })
    })
}

/// Takes one PUT; how many bytes it had.
async fn serve_put(listener: &TcpListener, acceptor: &TlsAcceptor) -> anyhow::Result<usize> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let (head, mut file) = read_head(&mut stream).await?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let (length, have): (usize, usize) = (length.context("read the length")?.parse()?, file.len());
    file.resize(length, 0);
    stream.read_exact(&mut file[have..]).await?;
    stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await?;
    stream.flush().await?;
    // The client hangs up.
    drop(stream.read(&mut [0; 1]).await);
    Ok(length)
}

/// The head of a request or an answer, and what came behind it.
async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> anyhow::Result<(String, Vec<u8>)> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    loop {
        let read = stream.read_buf(&mut head).await?;
        if let Some(at) = head.windows(END.len()).position(|window| window == END) {
            let rest = head.split_off(at + END.len());
            return Ok((String::from_utf8(head)?, rest));
        }
        ensure!(read > 0 && head.len() < HEAD_BYTES_MAX, "the head has no end");
    }
}
