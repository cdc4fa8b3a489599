//! One zstd file by HTTPS PUT over a link: what handing over would be without this project.
//!
//! The server is an ordinary one: TLS 1.3, and a certificate of a usual size with its intermediate, both of P-256. The
//! client is `curl` where the machine has it, else one that does the same. TCP is as the link models it, which has
//! neither slow start nor a window that shrinks by losses (see [`relay`](crate::relay)): the comparison errs in the
//! PUT's favour.
//!
//! The seconds begin when the client dials and end when it has read the answer, as curl tells them; compressing the
//! file is counted by itself.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::crossing::{CROSSING_LIMIT, Cost, offered_bytes};
use crate::relay::{Profile, Relay};

/// What the certificate is for.
const SERVER: &str = "hub.keliling.example";
const HEAD_BYTES_MAX: usize = 4_096;

/// Certificates and the key of a web server: made for this, and trusted by nobody else.
struct Papers {
    root: &'static [u8],
    chain: [&'static [u8]; 2],
    key: &'static [u8],
}

const PAPERS: Papers = Papers {
    root: include_bytes!("../../corpus/web-server/root.pem"),
    chain: [
        include_bytes!("../../corpus/web-server/leaf.der"),
        include_bytes!("../../corpus/web-server/intermediate.der"),
    ],
    key: include_bytes!("../../corpus/web-server/leaf-key.der"),
};
/// What curl is told to trust.
const ROOT_PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/web-server/root.pem");

/// Whether this machine has `curl`.
pub(super) fn has_curl() -> bool {
    let quiet = Command::new("curl").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Sends `file` by HTTPS PUT over a link, until it is answered.
pub(super) fn put(runtime: &Runtime, profile: Profile, seed: u64, file: &Path) -> anyhow::Result<Cost> {
    let acceptor = TlsAcceptor::from(Arc::new(server_config()?));
    let length = usize::try_from(file.metadata()?.len())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let target = listener.local_addr()?;
        let serving = tokio::spawn(async move { serve_put(&listener, &acceptor).await });
        let relay = Relay::start(target, profile, seed).context("start relay")?;
        let (addr, path) = (relay.addr(), file.to_owned());
        let seconds = if has_curl() {
            tokio::task::spawn_blocking(move || put_by_curl(addr, &path)).await??
        } else {
            put_by_hand(addr, &std::fs::read(path)?).await?
        };
        let taken: usize = serving.await??;
        ensure!(taken == length, "{taken} bytes came of {length}");
        let relay = tokio::task::spawn_blocking(move || {
            relay.wait(CROSSING_LIMIT, |stats| stats.connections_open == 0).context("wait for the close")
        });
        Ok(Cost { bytes: offered_bytes(&relay.await??), seconds })
    })
}

/// The seconds that curl tells.
fn put_by_curl(addr: SocketAddr, file: &Path) -> anyhow::Result<f64> {
    let port = addr.port();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--http1.1", "--noproxy", "*", "--output", "-"])
        .args(["--cacert", ROOT_PEM, "--resolve", &format!("{SERVER}:{port}:{}", addr.ip())])
        // Or it asks for a `100 Continue` first, and waits up to a second for it.
        .args(["--header", "Expect:", "--header", "Content-Type: application/zstd"])
        .args(["--write-out", "%{time_total}"])
        .arg("--upload-file")
        .arg(file)
        .arg(format!("https://{SERVER}:{port}/cases"))
        .output()
        .context("run curl")?;
    if !output.status.success() {
        bail!("curl: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout)?.trim().parse().context("read curl's seconds")
}

/// The same where there is no curl.
async fn put_by_hand(addr: SocketAddr, file: &[u8]) -> anyhow::Result<f64> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(PAPERS.root)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let started = Instant::now();
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let name = SERVER.try_into().context("name the server")?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let head = format!(
        "PUT /cases HTTP/1.1\r\nHost: {SERVER}\r\nContent-Type: application/zstd\r\nContent-Length: {}\r\n\r\n",
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
    Ok(seconds)
}

fn server_config() -> anyhow::Result<ServerConfig> {
    let chain = PAPERS.chain.map(CertificateDer::from).to_vec();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(PAPERS.key));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(chain, key)?)
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
