//! `anser doctor`: what is reachable, what is not, and what to do about it.

use std::time::Duration;

use anser_api::EventBody;
use anser_api::model::{CheckState, Checks};
use serde_json::json;
use tokio::time::timeout;

use crate::client::Client;
use crate::failure::Failure;
use crate::options::Options;
use crate::{launch, output};

/// How long a node that was started for this may look for people.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    if let Ok(mut running) = Client::connect(&launch::folder(options)?).await {
        return show(&mut running).await;
    }
    let profile = launch::open(options).await?;
    let mut client = Client::within(profile.clone());
    // Not to be had before an account is made; then there is nobody to wait for either.
    if client.call("account.get", json!({})).await.is_ok() {
        client.call("events.subscribe", json!({})).await?;
        // When nobody comes, that is a finding.
        let _ = timeout(LOOK, somebody(&mut client)).await;
    }
    let result = show(&mut client).await;
    profile.shutdown().await;
    result
}

async fn somebody(client: &mut Client) {
    while let Ok(event) = client.event().await {
        if matches!(event.body, EventBody::PeerChanged { peer } if peer.online) {
            return;
        }
    }
}

async fn show(client: &mut Client) -> Result<(), Failure> {
    let result = client.call("doctor.run", json!({})).await?;
    let found: Checks = serde_json::from_value(result)
        .map_err(|error| Failure::failed(format!("The findings cannot be read: {error}.")))?;
    let mut failed: usize = 0;
    for check in &found.checks {
        let state = match check.state {
            CheckState::Ok => "ok",
            CheckState::Warning => "WARNING",
            CheckState::Failed => {
                failed = failed.saturating_add(1);
                "FAILED"
            }
        };
        let mut text = format!("{state:8} {:11} {}", check.id, check.what);
        if !check.advice.is_empty() {
            text.push_str(&format!("\n{:20} → {}", "", check.advice));
        }
        if output::line(&text).is_err() {
            break;
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::failed("One check failed; see above.")),
        count => Err(Failure::failed(format!("{count} checks failed; see above."))),
    }
}
