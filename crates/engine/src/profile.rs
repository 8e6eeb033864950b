//! A profile: the engine if it can be started, and an explanation if it cannot.
//!
//! Owns the way from "cannot be opened" to "ready": `app.status`, `app.unlock` and `app.retry`
//! are answered always, everything else once the engine runs. One task opens; others look at what
//! came of it. Once ready it stays ready until the shutdown.

use anser_api::model::{AppState, AppStatus, Subscribed};
use anser_api::params::Empty;
use anser_api::{ApiError, Command, ErrorCode, Reply};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::StartError;
use crate::events::{Source, Subscription};
use crate::handle::{Engine, Handle, Pending};
use crate::storage;

/// Attempts to open that may wait.
const ATTEMPTS: usize = 8;

/// A cloneable handle on a profile.
#[derive(Clone, Debug)]
pub struct Profile {
    attempts: mpsc::Sender<Attempt>,
    opened: watch::Receiver<Opened>,
    events: Source,
    folder: String,
}

/// How opening went.
#[derive(Clone, Debug)]
enum Opened {
    Ready(Handle),
    Failed { error: StartError, protection: &'static str },
}

/// Opens once more, with this passphrase where one is given.
struct Attempt {
    passphrase: Option<Zeroizing<String>>,
    done: oneshot::Sender<()>,
}

impl Profile {
    /// Opens the profile, or finds out why it cannot be opened. Must be called on a tokio runtime.
    pub async fn open(config: Config) -> Self {
        let events = Source::new();
        let folder = config.folder();
        let first = open(&config, &events).await;
        let (state, opened) = watch::channel(first);
        let (attempts, attempts_out) = mpsc::channel(ATTEMPTS);
        tokio::spawn(reopen(config, events.clone(), state, attempts_out));
        Self { attempts, opened, events, folder }
    }

    /// Why the profile could not be opened; `None` when it is.
    #[must_use]
    pub fn failure(&self) -> Option<StartError> {
        match &*self.opened.borrow() {
            Opened::Ready(_) => None,
            Opened::Failed { error, .. } => Some(error.clone()),
        }
    }

    /// The running engine; `None` while the profile cannot be opened.
    #[must_use]
    pub fn engine(&self) -> Option<Handle> {
        match &*self.opened.borrow() {
            Opened::Ready(handle) => Some(handle.clone()),
            Opened::Failed { .. } => None,
        }
    }

    /// Does a command and gives its answer.
    ///
    /// # Errors
    /// As the API says for the command; while the profile is not open, why it is not.
    pub async fn call(&self, command: Command) -> Result<Reply, ApiError> {
        self.begin(command).await.await
    }

    /// As [`Handle::begin`].
    pub async fn begin(&self, command: Command) -> Pending {
        let profile = self.clone();
        match command {
            Command::AppStatus(_) => {
                Pending::new(async move { Ok(Reply::AppStatus(Box::new(profile.status().await))) })
            }
            Command::AppUnlock(params) => Pending::new(async move {
                let status = profile.attempt(Some(Zeroizing::new(params.passphrase))).await?;
                Ok(Reply::AppUnlock(Box::new(status)))
            }),
            Command::AppRetry(_) => {
                Pending::new(
                    async move { Ok(Reply::AppRetry(Box::new(profile.attempt(None).await?))) },
                )
            }
            command => match self.engine() {
                Some(handle) => handle.begin(command).await,
                None => Pending::new(async move { profile.closed(&command) }),
            },
        }
    }

    /// Events from now on, also of an engine that starts later.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.events.subscribe()
    }

    /// Ends the engine, if there is one, as [`Handle::shutdown`] does.
    pub async fn shutdown(self) {
        if let Some(handle) = self.engine() {
            handle.shutdown().await;
        }
    }

    /// Nothing happens in a profile that is not open, so a subscription to it starts at 0.
    fn closed(&self, command: &Command) -> Result<Reply, ApiError> {
        let error = self.failure().unwrap_or_else(StartError::stopped);
        match command {
            Command::EventsSubscribe(_) => {
                Ok(Reply::EventsSubscribe(Box::new(Subscribed { revision: 0 })))
            }
            _ => Err(ApiError::new(error.code, error.sentence())),
        }
    }

    /// An attempt that fails is no error of the command: the status tells. Only a wrong
    /// passphrase is, so that the field it was typed into can say so.
    async fn attempt(&self, passphrase: Option<Zeroizing<String>>) -> Result<AppStatus, ApiError> {
        let typed = passphrase.is_some();
        let (done, tried) = oneshot::channel();
        if self.attempts.send(Attempt { passphrase, done }).await.is_ok() {
            // An error means that the profile was shut meanwhile; the status tells.
            let _ = tried.await;
        }
        match self.failure() {
            Some(error) if typed && error.code == ErrorCode::Passphrase => {
                Err(ApiError::new(error.code, error.sentence()))
            }
            _ => Ok(self.status().await),
        }
    }

    async fn status(&self) -> AppStatus {
        let opened = self.opened.borrow().clone();
        let (state, case, message, advice, protection) = match opened {
            Opened::Ready(handle) => {
                let protection = handle.protection();
                match handle.call(Command::AccountGet(Empty {})).await {
                    Ok(_) => (AppState::Ready, "", String::new(), String::new(), protection),
                    Err(error) if error.code == ErrorCode::NoAccount => {
                        (AppState::NoAccount, "", error.message, String::new(), protection)
                    }
                    Err(error) => {
                        (AppState::Broken, "internal", error.message, String::new(), protection)
                    }
                }
            }
            Opened::Failed { error, protection } => {
                (error.state(), error.case, error.message, error.advice, protection)
            }
        };
        AppStatus {
            state,
            case: case.into(),
            message,
            advice,
            data_dir: self.folder.clone(),
            protection: protection.into(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

async fn open(config: &Config, events: &Source) -> Opened {
    match Engine::start_into(config.clone(), events.clone()).await {
        Ok(handle) => Opened::Ready(handle),
        Err(error) => Opened::Failed { error, protection: storage::protection(config) },
    }
}

/// Opens again, one attempt after the other, until it works or nobody is left who could ask.
async fn reopen(
    mut config: Config,
    events: Source,
    opened: watch::Sender<Opened>,
    mut attempts: mpsc::Receiver<Attempt>,
) {
    while let Some(Attempt { passphrase, done }) = attempts.recv().await {
        let failed = matches!(*opened.borrow(), Opened::Failed { .. });
        if failed {
            if passphrase.is_some() {
                config.passphrase = passphrase;
            }
            let result = open(&config, &events).await;
            if matches!(result, Opened::Ready(_)) {
                config.passphrase = None;
            }
            opened.send_replace(result);
        }
        // Whoever asked may have gone.
        let _ = done.send(());
    }
}
