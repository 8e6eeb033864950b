//! `anser run`: a node that lives until it is stopped, with JSON-RPC on a local socket.

use interprocess::local_socket::traits::tokio::Listener as _;
use tokio::io::BufReader;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::options::Options;
use crate::{launch, output, session, socket, stop};

/// Clients at one time; further ones wait.
const CLIENTS: usize = 64;

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let folder = launch::folder(options)?;
    let profile = launch::open(options).await?;
    let listener = match socket::listen(&folder) {
        Ok(listener) => listener,
        Err(error) => {
            profile.shutdown().await;
            return Err(Failure::failed(format!(
                "The local socket in {} cannot be opened ({error}): choose a folder with a shorter \
                 path, or one that allows sockets.",
                folder.display()
            )));
        }
    };
    let (stopping, stopped) = watch::channel(false);
    let mut clients = JoinSet::new();
    let mut listening = profile.engine().map(|engine| engine.listening());
    let stop = stop::asked();
    tokio::pin!(stop);
    let mut shown = Vec::new();
    loop {
        tokio::select! {
            () = &mut stop => break,
            addresses = next(&mut listening) => show(&mut shown, addresses),
            Some(_) = clients.join_next(), if !clients.is_empty() => {}
            client = listener.accept(), if clients.len() < CLIENTS => match client {
                Ok(stream) => {
                    let (from, to) = tokio::io::split(stream);
                    let (profile, mut stopped) = (profile.clone(), stopped.clone());
                    clients.spawn(async move {
                        let stop = async move {
                            // The sender gone means the same as the word.
                            let _ = stopped.wait_for(|stop| *stop).await;
                        };
                        session::serve(profile, BufReader::new(from), to, stop).await;
                    });
                }
                Err(error) => tracing::warn!(%error, "a client could not connect"),
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    while clients.join_next().await.is_some() {}
    profile.shutdown().await;
    Ok(())
}

/// The addresses when they change.
async fn next(listening: &mut Option<watch::Receiver<Vec<String>>>) -> Vec<String> {
    if let Some(watch) = listening
        && watch.changed().await.is_ok()
    {
        return watch.borrow_and_update().clone();
    }
    std::future::pending().await
}

/// A line for each address that was not shown yet.
fn show(shown: &mut Vec<String>, addresses: Vec<String>) {
    for address in &addresses {
        if !shown.contains(address) {
            // Nobody reading does not stop a node that runs in the background.
            let _ = output::line(address);
        }
    }
    *shown = addresses;
}
