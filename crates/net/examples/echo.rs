//! What the benchmarks are compared with: a raw libp2p request-response echo between two processes
//! over TCP on the loopback, and bare Ed25519 signing and verifying on one core.
//!
//! `echo listen` prints its address and answers until its input ends; `echo ask ADDRESS` and
//! `echo sign` print a rate, a number of whole ones a second. Nothing here is shipped.
#![allow(clippy::print_stdout)]

use std::io::Read;
use std::time::{Duration, Instant};

use anser_proto::sign::{Domain, Keypair, verify};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::request_response::{self, Codec, Event, Message, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};

type Failure = Box<dyn std::error::Error>;

/// As large as the texts of the benchmark.
const BYTES: usize = 200;
/// Requests under way at once: as many as libp2p allows a connection by default.
const UNDER_WAY: usize = 100;
const LONG: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("listen"), None) => listen().await,
        (Some("ask"), Some(address)) => ask(address.parse()?).await,
        (Some("sign"), None) => {
            println!("{:.0}", sign()?);
            Ok(())
        }
        _ => Err("echo listen | echo ask ADDRESS | echo sign".into()),
    }
}

/// Requests and responses of [`BYTES`], without a length before them.
#[derive(Clone, Default)]
struct Plain;

async fn read(io: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn write(io: &mut (impl AsyncWrite + Unpin + Send), bytes: &[u8]) -> std::io::Result<()> {
    io.write_all(bytes).await?;
    io.close().await
}

impl Codec for Plain {
    type Protocol = StreamProtocol;
    type Request = [u8; BYTES];
    type Response = [u8; BYTES];

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> std::io::Result<[u8; BYTES]> {
        read(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> std::io::Result<[u8; BYTES]> {
        read(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: [u8; BYTES],
    ) -> std::io::Result<()> {
        write(io, &bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: [u8; BYTES],
    ) -> std::io::Result<()> {
        write(io, &bytes).await
    }
}

type Echo = request_response::Behaviour<Plain>;

fn swarm() -> Result<Swarm<Echo>, Failure> {
    let protocol = [(StreamProtocol::new("/anser/echo/1"), ProtocolSupport::Full)];
    let config = request_response::Config::default();
    Ok(SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::new(), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| Echo::new(protocol, config))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build())
}

async fn listen() -> Result<(), Failure> {
    let mut swarm = swarm()?;
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    let (closed_in, mut closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever ends the input ends the program.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = closed_in.send(());
    });
    loop {
        let event = tokio::select! {
            _ = &mut closed => return Ok(()),
            event = swarm.select_next_some() => event,
        };
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                println!("{}", address.with_p2p(*swarm.local_peer_id()).map_err(|_| "no address")?);
            }
            SwarmEvent::Behaviour(Event::Message {
                message: Message::Request { request, channel, .. },
                ..
            }) => {
                // The asker may be gone.
                let _ = swarm.behaviour_mut().send_response(channel, request);
            }
            _ => {}
        }
    }
}

async fn ask(address: Multiaddr) -> Result<(), Failure> {
    let mut swarm = swarm()?;
    swarm.dial(address)?;
    let peer: PeerId = loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => break peer_id,
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
            _ => {}
        }
    };
    // A second to warm up, then what is counted.
    rate(&mut swarm, peer, Duration::from_secs(1)).await?;
    println!("{:.0}", rate(&mut swarm, peer, LONG).await?);
    Ok(())
}

async fn rate(swarm: &mut Swarm<Echo>, peer: PeerId, long: Duration) -> Result<f64, Failure> {
    for _ in 0..UNDER_WAY {
        swarm.behaviour_mut().send_request(&peer, [7; BYTES]);
    }
    let (start, mut echoed, mut under_way) = (Instant::now(), 0_u32, UNDER_WAY);
    while under_way > 0 {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(Event::Message { message: Message::Response { .. }, .. }) => {
                echoed += 1;
                if start.elapsed() < long {
                    swarm.behaviour_mut().send_request(&peer, [7; BYTES]);
                } else {
                    under_way -= 1;
                }
            }
            SwarmEvent::Behaviour(Event::OutboundFailure { error, .. }) => {
                return Err(error.into());
            }
            SwarmEvent::ConnectionClosed { .. } => return Err("the connection was closed".into()),
            _ => {}
        }
    }
    Ok(f64::from(echoed) / start.elapsed().as_secs_f64())
}

/// How often a second a message of [`BYTES`] is signed and then verified.
fn sign() -> Result<f64, Failure> {
    let key = Keypair::from_secret(&[7; 32]);
    let (public, message) = (key.public(), [7; BYTES]);
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < LONG {
        let signature = key.sign(Domain::Event, &message);
        if !verify(&public, Domain::Event, &message, &signature) {
            return Err("a signature does not hold".into());
        }
        done += 1;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}
