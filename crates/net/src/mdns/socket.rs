//! One multicast socket on one interface.
//!
//! Port 5353 is shared with every other responder on the host. A socket hears only the group on
//! its own interface where the system can tell (Linux); elsewhere the check that an announced
//! address is on the link sorts the rest out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use if_watch::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// Longest packet that is read; RFC 6762 section 17 allows no more.
const PACKET_MAX_BYTES: usize = 9_000;

/// A packet and the interface it came in on.
pub(crate) struct Received {
    pub(crate) interface: IpAddr,
    pub(crate) bytes: Vec<u8>,
}

/// A joined socket; reading ends when it is dropped.
pub(crate) struct MulticastSocket {
    socket: Arc<UdpSocket>,
    group: SocketAddr,
    reader: JoinHandle<()>,
}

impl MulticastSocket {
    /// Joins the group on the interface with this address. Packets go to `packets` and are
    /// dropped while that is full.
    ///
    /// # Errors
    /// Of the system.
    pub(crate) fn join(net: IpNet, index: u32, packets: Sender<Received>) -> io::Result<Self> {
        let (socket, group) = match net.addr() {
            IpAddr::V4(ip) => (join_v4(ip)?, SocketAddr::from((GROUP_V4, PORT))),
            IpAddr::V6(_) => (join_v6(index)?, SocketAddr::from((GROUP_V6, PORT))),
        };
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let reader = tokio::spawn(read(socket.clone(), net.addr(), packets));
        Ok(Self { socket, group, reader })
    }

    /// Sends to the group; what the system cannot take at once is dropped.
    ///
    /// # Errors
    /// Of the system.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self.socket.try_send_to(bytes, self.group) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other.map(drop),
        }
    }
}

impl Drop for MulticastSocket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(socket: Arc<UdpSocket>, interface: IpAddr, packets: Sender<Received>) {
    let mut buffer = vec![0; PACKET_MAX_BYTES];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((count, _)) => {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if packets.try_send(Received { interface, bytes }).is_err() && packets.is_closed() {
                    return;
                }
            }
            Err(error) => {
                // ICMP errors of earlier sends show up here; none of them ends the socket.
                tracing::trace!(%interface, %error, "multicast read");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

fn shared(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    Ok(socket)
}

fn join_v4(ip: Ipv4Addr) -> io::Result<Socket> {
    let socket = shared(Domain::IPV4)?;
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    socket.join_multicast_v4(&GROUP_V4, &ip)?;
    socket.set_multicast_if_v4(&ip)?;
    socket.set_multicast_ttl_v4(255)?;
    // Two programs on one computer find each other too.
    socket.set_multicast_loop_v4(true)?;
    Ok(socket)
}

fn join_v6(index: u32) -> io::Result<Socket> {
    let socket = shared(Domain::IPV6)?;
    socket.set_only_v6(true)?;
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v6(false)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
    socket.join_multicast_v6(&GROUP_V6, index)?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_hops_v6(255)?;
    socket.set_multicast_loop_v6(true)?;
    Ok(socket)
}
