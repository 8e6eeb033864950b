//! `anser ui`: the app in a browser on this machine.
//!
//! Owns the loopback server: the app's pages, and JSON-RPC over a WebSocket. Must always hold:
//! only who has the link gets to the node. Other pages in the same browser are kept out by the
//! token, the exact origin and the exact host (which also answers DNS rebinding); other computers
//! because the server listens on the loopback only.

mod guard;
mod pages;
mod server;
mod socket;

use std::net::{Ipv4Addr, SocketAddr};

use anser_engine::Profile;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::options::Options;
use crate::{launch, output, stop};
use guard::Guard;

pub(crate) async fn run(options: &Options, port: u16) -> Result<(), Failure> {
    if !pages::are_built_in() {
        return Err(Failure::failed(
            "This program was built without the app's pages: build them (cd ui && npm ci && npm run \
             build), then build the program again.",
        ));
    }
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.map_err(
        |error| {
            Failure::failed(format!(
                "Port {port} of this machine cannot be used ({error}): choose another with --port, \
                 or none."
            ))
        },
    )?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::failed(format!("The server has no address: {error}.")))?;
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::failed(format!("No random numbers: {error}.")))?;
    let guard = Guard::new(address.port(), &random);
    // A profile that cannot be opened is explained by the page.
    let profile = Profile::open(launch::config(options)?).await;
    let link = guard.link();
    if let Err(error) = output::line(&link) {
        tracing::warn!(%error, "the link could not be shown");
    }
    tokio::select! {
        () = server::serve(listener, profile.clone(), guard) => {}
        () = stop::asked() => {}
    }
    profile.shutdown().await;
    Ok(())
}
