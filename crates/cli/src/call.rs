//! `anser call`: one call to a running node.

use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::options::Options;
use crate::{launch, output};

pub(crate) async fn run(
    options: &Options,
    method: &str,
    params: Option<&str>,
) -> Result<(), Failure> {
    let params: Value = match params {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Failure::usage(format!("The parameters are not JSON: {error}.")))?,
        None => json!({}),
    };
    let folder = launch::folder(options)?;
    let mut client = Client::connect(&folder).await.map_err(|_| {
        Failure::failed(format!(
            "No node runs with the folder {0}: start one with `anser --data {0} run`.",
            folder.display()
        ))
    })?;
    let result = client.call(method, params).await?;
    let text = serde_json::to_string_pretty(&result).unwrap_or_default();
    output::line(&text).map_err(|error| Failure::failed(format!("Cannot write: {error}.")))
}
