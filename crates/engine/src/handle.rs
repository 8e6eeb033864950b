//! Starts a node with its network, and the handle that everybody else holds on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anser_api::params::{AccountCreate, Empty};
use anser_api::{ApiError, Command, ErrorCode, Reply};
use anser_net::{Limits, Net, NetEvent};
use anser_node::Node;
use anser_proto::DeviceId;
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::actor::{Actor, Order, Report};
use crate::backup::Slot;
use crate::clock::Clock;
use crate::config::Config;
use crate::doctor::NO_SPACE;
use crate::error::StartError;
use crate::events::{Feed, Source, Subscription};
use crate::files::{ANSWERS, Files};
use crate::outlet::Outlet;
use crate::{backup, dial, doctor, policy, storage};

/// How long a code for linking waits for the addresses of this device.
const LISTENING: Duration = Duration::from_secs(2);
/// Commands that may wait for the node; a caller waits when there are more.
const ORDERS: usize = 1_024;

/// A node with its store and its network.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Opens the store, wakes the node, opens the network. Must be called on a tokio runtime,
    /// which then runs the network.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running or locked then.
    pub async fn start(config: Config) -> Result<Handle, StartError> {
        Self::start_into(config, Source::new()).await
    }

    pub(crate) async fn start_into(config: Config, events: Source) -> Result<Handle, StartError> {
        let config = policy::followed(&config)?;
        let (orders, orders_out) = mpsc::channel(ORDERS);
        let (listening_in, listening) = watch::channel(Vec::new());
        let (opened_in, opened) = oneshot::channel();
        let (network_in, network) = oneshot::channel();
        let thread =
            Thread { opened: opened_in, network, orders: orders_out, listening: listening_in };
        let (feed, of_thread) = (Feed::new(events.clone()), config.clone());
        std::thread::Builder::new()
            .name("anser-node".into())
            .spawn(move || thread.run(of_thread, feed))
            .map_err(|error| StartError::thread(&error))?;
        let opened: Opened = opened.await.map_err(|_| StartError::stopped())??;
        let network = anser_net::Config {
            secret: *opened.secret,
            listen: config.listen.clone(),
            mdns: config.mdns,
            seeds: config.seeds.clone(),
            limits: Limits::default(),
        };
        // On failure the thread sees that no network comes, and closes the store.
        let (net, news) = Net::start(network).await?;
        network_in.send((net.clone(), news)).map_err(|_| StartError::stopped())?;
        let facts = Facts { device: opened.device, protection: opened.protection, config };
        let backup = Arc::default();
        let handle = Handle { orders, backup, net, events, listening, facts: Arc::new(facts) };
        handle.create_account().await?;
        Ok(handle)
    }
}

/// What the thread tells once the store is open.
struct Opened {
    secret: Zeroizing<[u8; 32]>,
    device: DeviceId,
    protection: &'static str,
}

/// What the thread is given.
struct Thread {
    opened: oneshot::Sender<Result<Opened, StartError>>,
    network: oneshot::Receiver<(Net, mpsc::Receiver<NetEvent>)>,
    orders: mpsc::Receiver<Order>,
    listening: watch::Sender<Vec<String>>,
}

impl Thread {
    fn run(self, config: Config, feed: Feed) {
        let clock = Clock::start();
        let opened = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| StartError::thread(&error))
            .and_then(|runtime| {
                let (node, protection) = open(&config, clock)?;
                let (answers_in, answers) = mpsc::channel(ANSWERS);
                let files = Files::start(storage::files(&config)?, answers_in)
                    .map_err(|error| StartError::thread(&error))?;
                Ok((runtime, node, protection, files, answers))
            });
        let (runtime, node, protection, files, answers) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // Nobody waiting any more is no error.
                let _ = self.opened.send(Err(error));
                return;
            }
        };
        let told = Opened { secret: node.device_secret(), device: node.device(), protection };
        if self.opened.send(Ok(told)).is_err() {
            return;
        }
        runtime.block_on(async {
            if let Ok((net, news)) = self.network.await {
                let outlet = Outlet::new(net, feed, Some(files));
                let has_room =
                    move || storage::free_bytes(&config).is_none_or(|free| free >= NO_SPACE);
                Actor::new(node, clock, outlet, self.listening, Box::new(has_room))
                    .run(self.orders, news, answers)
                    .await;
            }
        });
    }
}

fn open(
    config: &Config,
    clock: Clock,
) -> Result<(Node<storage::AnyStore>, &'static str), StartError> {
    let (store, protection) = storage::open(config)?;
    let mut seed = Zeroizing::new([0; 32]);
    storage::fill(seed.as_mut_slice())?;
    let node = Node::open(store, *seed, clock.now())
        .map_err(|error| StartError::new(ErrorCode::StoreBroken, error.to_string()))?;
    Ok((node, protection))
}

/// What does not change while an engine runs.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) device: DeviceId,
    pub(crate) protection: &'static str,
    pub(crate) config: Config,
}

/// A handle on a running engine; clones share it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) orders: mpsc::Sender<Order>,
    /// The backup that is under way.
    pub(crate) backup: Arc<Slot>,
    pub(crate) net: Net,
    events: Source,
    listening: watch::Receiver<Vec<String>>,
    pub(crate) facts: Arc<Facts>,
}

impl Handle {
    /// Does a command and gives its answer.
    ///
    /// # Errors
    /// As the API says for the command.
    pub async fn call(&self, command: Command) -> Result<Reply, ApiError> {
        self.begin(command).await.await
    }

    /// Puts a command in the node's queue, waiting for room there, and gives what will be the
    /// answer. Commands are done in the order in which they were begun, whatever becomes of the
    /// answers; only those that wait for the network or for files (`peer.dial`, `doctor.run`,
    /// `account.export`, `account.import`) begin with the first poll of theirs.
    pub async fn begin(&self, command: Command) -> Pending {
        match command {
            Command::PeerDial(params) => {
                let handle = self.clone();
                Pending::new(async move { dial::dial(&handle, params.address).await })
            }
            Command::DoctorRun(_) => {
                let handle = self.clone();
                Pending::new(
                    async move { Ok(Reply::DoctorRun(Box::new(doctor::run(&handle).await))) },
                )
            }
            Command::AccountCreate(mut params) => {
                params.device_label = params.device_label.or_else(|| Some(self.device_label()));
                self.queue(Command::AccountCreate(params)).await
            }
            Command::DeviceLinkStart(mut params) => {
                params.device_label = params.device_label.or_else(|| Some(self.device_label()));
                let handle = self.clone();
                Pending::new(async move {
                    // A code that says where this device is needs no multicast.
                    let mut listening = handle.listening();
                    let known = listening.wait_for(|addresses| !addresses.is_empty());
                    // Without a network there is none to say.
                    let _ = tokio::time::timeout(LISTENING, known).await;
                    handle.ask(Command::DeviceLinkStart(params)).await
                })
            }
            Command::FileCancel(params) => match backup::cancel(&self.backup, &params.transfer) {
                Some(answer) => Pending::new(async move { answer }),
                None => self.queue(Command::FileCancel(params)).await,
            },
            Command::AccountExport(params) => {
                let handle = self.clone();
                Pending::new(async move { backup::export(&handle, params).await })
            }
            Command::AccountImport(params) => {
                let handle = self.clone();
                Pending::new(async move { backup::import(&handle, params).await })
            }
            command => self.queue(command).await,
        }
    }

    /// What the node itself answers to a command.
    pub(crate) async fn ask(&self, command: Command) -> Result<Reply, ApiError> {
        self.queue(command).await.await
    }

    async fn queue(&self, command: Command) -> Pending {
        let (answer, pending) = oneshot::channel();
        // When the thread has ended, the answer's sender is dropped with the order.
        let _ = self.orders.send(Order::Call { command, answer }).await;
        Pending::new(async move { pending.await.unwrap_or_else(|_| Err(ended())) })
    }

    /// Events from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.events.subscribe()
    }

    /// The addresses that this device listens on, as they change.
    #[must_use]
    pub fn listening(&self) -> watch::Receiver<Vec<String>> {
        self.listening.clone()
    }

    /// `keyring`, `passphrase`, `file` or `memory`.
    #[must_use]
    pub fn protection(&self) -> &'static str {
        self.facts.protection
    }

    /// Does what was begun, writes it, sends what is due, and closes store and network. Other
    /// clones of the handle answer with errors afterwards.
    pub async fn shutdown(self) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Shutdown { done }).await.is_ok() {
            // An error means that the thread is gone, which is what was asked for.
            let _ = closed.await;
        }
        self.net.shutdown().await;
    }

    pub(crate) async fn report(&self) -> Report {
        let (answer, report) = oneshot::channel();
        if self.orders.send(Order::Report { answer }).await.is_err() {
            return Report::default();
        }
        report.await.unwrap_or_default()
    }

    async fn create_account(&self) -> Result<(), StartError> {
        let Some(name) = self.facts.config.name.clone() else {
            return Ok(());
        };
        let missing = match self.call(Command::AccountGet(Empty {})).await {
            Err(error) if error.code == ErrorCode::NoAccount => true,
            Err(error) => return Err(StartError::new(error.code, error.message)),
            Ok(_) => false,
        };
        if missing {
            let create = AccountCreate { name, device_label: None };
            let created = self.call(Command::AccountCreate(create)).await;
            created.map_err(|error| StartError::new(error.code, error.message))?;
        }
        Ok(())
    }

    pub(crate) fn device_label(&self) -> String {
        self.facts
            .config
            .device_label
            .clone()
            .unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned())
    }
}

/// What will be the answer to a command.
#[must_use = "the answer says whether it was done"]
pub struct Pending(Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>);

impl Pending {
    pub(crate) fn new(
        answer: impl Future<Output = Result<Reply, ApiError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for Pending {
    type Output = Result<Reply, ApiError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

fn ended() -> ApiError {
    ApiError::new(ErrorCode::Internal, "The node has ended: start the program again.")
}
