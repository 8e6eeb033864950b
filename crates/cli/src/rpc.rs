//! `anser rpc`: JSON-RPC on standard input and output for as long as the input is open.

use tokio::io::BufReader;

use crate::failure::Failure;
use crate::options::Options;
use crate::{launch, session, stop};

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let profile = launch::open(options).await?;
    let input = BufReader::with_capacity(64 * 1024, tokio::io::stdin());
    session::serve(profile.clone(), input, tokio::io::stdout(), stop::asked()).await;
    profile.shutdown().await;
    Ok(())
}
