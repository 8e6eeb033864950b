//! What a node's network is started with: its key, where it listens, whom it asks first, and the
//! bounds on everything a stranger can make it hold.

/// How to start the network.
#[derive(Clone)]
pub struct Config {
    /// The device's Ed25519 secret; its public half is the device id that peers verify.
    pub secret: [u8; 32],
    /// Multiaddrs to listen on. Empty: every IPv4 and IPv6 interface, TCP and QUIC, ports chosen
    /// by the system.
    pub listen: Vec<String>,
    /// Whether to find and be found by multicast DNS on the local links.
    pub mdns: bool,
    /// Addresses dialed at start and again, with backoff, until reached once. A trailing
    /// `/p2p/…` pins the peer; without it the peer is learned on connecting.
    pub seeds: Vec<String>,
    /// Bounds on peers.
    pub limits: Limits,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("mdns", &self.mdns)
            .field("seeds", &self.seeds)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds on what peers can cost us. The defaults serve an office of 500 people.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Established connections in all.
    pub max_connections: u32,
    /// Established inbound connections from one IP address. Several programs on one computer,
    /// or people behind one NAT, share this.
    pub max_connections_per_ip: u32,
    /// Established connections with one device; more than one exists only for the moment in
    /// which two sides dial at once or a host changes its address.
    pub max_connections_per_device: u32,
    /// Inbound connections still in their handshake.
    pub max_pending_incoming: u32,
    /// Longest frame, in bytes, both ways.
    pub frame_max_bytes: u32,
    /// Frames waiting to be written to one device, in bytes. Over it the connection is closed:
    /// the peer has not read for too long and will sync when it is back.
    pub queue_bytes_per_device: usize,
    /// Inbound frames a second one device may send for long; above it reading pauses.
    pub frames_per_s: u32,
    /// Inbound frames one device may send at once before `frames_per_s` binds.
    pub frames_burst: u32,
    /// Inbound bytes a second one device may send for long; above it reading pauses.
    pub bytes_per_s: u32,
    /// Inbound bytes one device may send at once before `bytes_per_s` binds. At least
    /// `frame_max_bytes`, else the longest frame could never pass.
    pub bytes_burst: u32,
    /// Seconds without a frame after which a connection that nobody here wants is ended by the
    /// side that dialed it.
    pub idle_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            max_connections_per_ip: 128,
            max_connections_per_device: 4,
            max_pending_incoming: 128,
            frame_max_bytes: 1 << 20,
            queue_bytes_per_device: 8 << 20,
            frames_per_s: 50_000,
            frames_burst: 100_000,
            bytes_per_s: 256 << 20,
            bytes_burst: 128 << 20,
            idle_s: 30,
        }
    }
}
