//! What people do: talk, change their groups, pull cables.

use std::collections::BTreeMap;

use anser_api::model::{PresenceState, Relation, Role};
use anser_api::params::*;
use anser_api::{Command, Reply};
use anser_node::Input;

use crate::checks;
use crate::network::Network;

/// A message that its author was told is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub host: usize,
    pub conversation: String,
    pub message: String,
    pub position: String,
    pub text: String,
}

pub struct Scene {
    next: u64,
    /// What was asked and by whom, until the answer is seen.
    asked: BTreeMap<u64, usize>,
    pub kept: Vec<Kept>,
    groups: Vec<String>,
}

const EMOJI: [&str; 3] = ["👍", "🎉", "❤"];

impl Scene {
    /// Everybody has an account and has met everybody; there is a group or two.
    pub fn open(network: &mut Network) -> Self {
        let mut scene = Self { next: 0, asked: BTreeMap::new(), kept: vec![], groups: vec![] };
        // In some networks the last machines are further devices of people who have one already.
        let people = match network.dice.below(10) {
            0..6 => network.hosts.len(),
            6..9 => network.hosts.len() - 1,
            _ => network.hosts.len().div_ceil(2),
        };
        for host in 0..people {
            let name = network.hosts[host].name.clone();
            let create = AccountCreate { name, device_label: None };
            let reply = network.hosts[host].ask(0, Command::AccountCreate(create)).unwrap();
            let Reply::AccountCreate(account) = *reply else { panic!("another reply") };
            network.hosts[host].account = account.account;
            let settings = SettingsSet {
                accept_requests: Some(network.dice.percent(80)),
                read_receipts: Some(network.dice.percent(90)),
                ..SettingsSet::default()
            };
            network.hosts[host].ask(0, Command::SettingsSet(settings)).unwrap();
        }
        for host in 0..network.hosts.len() {
            network.discover(host);
        }
        network.pass(6_000);
        for new in people..network.hosts.len() {
            let giver = network.dice.below(people);
            scene.link_device(network, giver, new);
        }
        for number in 0..network.dice.between(1, 2) {
            let host = network.dice.below(network.hosts.len());
            let members = accounts(network, host, 80);
            let history = Some(network.dice.percent(70));
            let title = format!("group {number}");
            let create = ConversationCreate { title, members, history };
            scene.command(network, host, Command::ConversationCreate(create));
            network.pass(3_000);
        }
        scene.collect(network);
        scene
    }

    /// Makes the machine `new` a device of whoever sits at `giver`, however often that takes.
    fn link_device(&mut self, network: &mut Network, giver: usize, new: usize) {
        for _ in 0..50 {
            let up = |host: usize| network.hosts[host].node.is_some();
            if !up(giver) || !up(new) {
                network.pass(1_000);
                continue;
            }
            let start = Command::DeviceLinkStart(DeviceLinkStart::default());
            let now = network.now_ms;
            let Ok(reply) = network.hosts[new].ask(now, start) else { break };
            let Reply::DeviceLinkStart(code) = *reply else { panic!("another reply") };
            let accept = DeviceLinkAccept { code: code.code };
            self.command(network, giver, Command::DeviceLinkAccept(accept));
            network.pass(35_000);
            if network.hosts[new].node.is_some() && network.hosts[new].account_id().is_some() {
                break;
            }
        }
        let account = network.hosts[giver].account.clone();
        network.hosts[new].account = account;
        network.discover(new);
    }

    fn command(&mut self, network: &mut Network, host: usize, command: Command) {
        self.next += 1;
        network.say(|| format!("{} {}: {command:?}", network.hosts[host].name, self.next));
        if network.hosts[host].node.is_some() {
            self.asked.insert(self.next, host);
            network.give(host, Input::Command { id: self.next, command });
        }
    }

    /// Looks at the answers that came.
    fn collect(&mut self, network: &mut Network) {
        for host in 0..network.hosts.len() {
            for (id, answer) in std::mem::take(&mut network.hosts[host].answers) {
                if let Err(error) = &answer {
                    network.say(|| format!("  {id} is refused: {error}"));
                }
                let person = &mut network.hosts[host];
                self.asked.remove(&id);
                match answer.map(|reply| *reply) {
                    Ok(Reply::MessageSend(message)) => self.kept.push(Kept {
                        host,
                        conversation: message.conversation,
                        message: message.message,
                        position: message.position,
                        text: message.text,
                    }),
                    Ok(Reply::ConversationCreate(view)) => {
                        self.groups.push(view.conversation.clone());
                        person.conversations.insert(view.conversation);
                    }
                    Ok(Reply::ConversationDirect(view)) => {
                        person.conversations.insert(view.conversation);
                    }
                    _ => {}
                }
            }
        }
    }

    /// One thing happens, and some time passes.
    pub fn act(&mut self, network: &mut Network) {
        let host = network.dice.below(network.hosts.len());
        match network.dice.below(100) {
            0..45 => self.talk(network, host),
            45..60 => self.say_about(network, host),
            60..78 => self.change_group(network, host),
            78..82 => self.stand_to_others(network, host),
            82..90 => pull_cables(network),
            90..94 => {
                network.say(|| format!("the power of {} goes", network.hosts[host].name));
                network.down(host);
            }
            94..97 if network.weather.clocks => {
                let years = network.dice.below(11) as i64 - 5;
                network.hosts[host].wall_offset_ms += years * 31_536_000_000;
            }
            _ => network.pass(10_000),
        }
        let pause = *network.dice.pick(&[0, 1, 30, 500, 4_000]);
        network.pass(pause);
        self.collect(network);
    }

    fn talk(&mut self, network: &mut Network, host: usize) {
        let known: Vec<_> = network.hosts[host].conversations.iter().cloned().collect();
        if known.is_empty() {
            return;
        }
        let conversation = network.dice.pick(&known).clone();
        for _ in 0..network.dice.between(1, 3) {
            let said = self.of(&conversation);
            let reply_to = (!said.is_empty() && network.dice.percent(20))
                .then(|| network.dice.pick(&said).message.clone());
            let text = format!("{} says {}", network.hosts[host].name, self.next);
            let files = network.weather.files && !network.weather.rollbacks;
            if files && network.weather.sabotage.is_none() && network.dice.percent(30) {
                self.send_file(network, host, conversation.clone(), text);
                continue;
            }
            let conversation = conversation.clone();
            let send = MessageSend { conversation, text, reply_to, ..MessageSend::default() };
            self.command(network, host, Command::MessageSend(send));
        }
    }

    fn send_file(
        &mut self,
        network: &mut Network,
        host: usize,
        conversation: String,
        text: String,
    ) {
        let size = *network.dice.pick(&[0_u64, 1, 1_000, 65_536, 200_000, 1_500_000]);
        let salt = self.next;
        let bytes = (0..size).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ salt) as u8).collect();
        let path = format!("/file {salt}");
        network.hosts[host].files.sources.insert(path.clone(), bytes);
        let send = FileSend { conversation, path, text: Some(text), reply_to: None };
        self.command(network, host, Command::FileSend(send));
    }

    fn of(&self, conversation: &str) -> Vec<Kept> {
        self.kept.iter().filter(|kept| kept.conversation == conversation).cloned().collect()
    }

    fn say_about(&mut self, network: &mut Network, host: usize) {
        if self.kept.is_empty() {
            return;
        }
        let kept = network.dice.pick(&self.kept).clone();
        let (message, conversation) = (kept.message, kept.conversation);
        let command = match network.dice.below(10) {
            0..2 => {
                let text = format!("edited {}", self.next);
                return self.command(
                    network,
                    kept.host,
                    Command::MessageEdit(MessageEdit { message, text }),
                );
            }
            2 => {
                return self.command(
                    network,
                    kept.host,
                    Command::MessageDelete(ByMessage { message }),
                );
            }
            3..6 => {
                let emoji = (*network.dice.pick(&EMOJI)).to_owned();
                let on = network.dice.percent(70);
                Command::MessageReact(MessageReact { message, emoji, on })
            }
            6 => Command::TypingSet(TypingSet { conversation, typing: network.dice.percent(60) }),
            7 => {
                let status = *network.dice.pick(&[PresenceState::Away, PresenceState::Busy]);
                Command::PresenceSet(PresenceSet { status })
            }
            _ => Command::MessageRead(MessageRead { conversation, up_to: message }),
        };
        self.command(network, host, command);
    }

    fn change_group(&mut self, network: &mut Network, host: usize) {
        if self.groups.is_empty() {
            return;
        }
        let conversation = network.dice.pick(&self.groups).clone();
        let hosts = network.hosts.len();
        let account = network.hosts[network.dice.below(hosts)].account.clone();
        let command = match network.dice.below(15) {
            0..7 => {
                let accounts = vec![account];
                Command::ConversationAdd(ConversationAdd { conversation, accounts })
            }
            7..9 => Command::ConversationRemove(ConversationRemove { conversation, account }),
            9 => Command::ConversationLeave(ByConversation { conversation }),
            10 => {
                let title = Some(format!("title {}", self.next));
                let update = ConversationUpdate { conversation, title, ..Default::default() };
                Command::ConversationUpdate(update)
            }
            _ => {
                let role =
                    *network.dice.pick(&[Role::Member, Role::Admin, Role::Admin, Role::Owner]);
                Command::ConversationRole(ConversationRole { conversation, account, role })
            }
        };
        self.command(network, host, command);
    }

    fn stand_to_others(&mut self, network: &mut Network, host: usize) {
        let hosts = network.hosts.len();
        let account = network.hosts[network.dice.below(hosts)].account.clone();
        let command = match network.dice.below(4) {
            0 => Command::ContactBlock(ContactBlock { account, blocked: Some(true) }),
            1 => Command::ContactBlock(ContactBlock { account, blocked: Some(false) }),
            _ => Command::ConversationDirect(ByAccount { account }),
        };
        self.command(network, host, command);
    }

    /// Everything is healed, everybody agrees to hear everybody, the network gets quiet, and the
    /// promises are checked.
    pub fn close(mut self, network: &mut Network) {
        network.heal();
        network.settle();
        self.collect(network);
        for host in 0..network.hosts.len() {
            let now = network.now_ms;
            let person = &mut network.hosts[host];
            let contacts = person.ask(now, Command::ContactList(checks::whole())).unwrap();
            let Reply::ContactList(contacts) = *contacts else { panic!("another reply") };
            for contact in contacts.contacts.iter().filter(|c| c.relation == Relation::Blocked) {
                let account = contact.account.clone();
                let block = ContactBlock { account, blocked: Some(false) };
                self.command(network, host, Command::ContactBlock(block));
            }
            for view in checks::conversations(network, host).into_iter().filter(|c| c.request) {
                let conversation = view.conversation;
                let accept = Command::ConversationAccept(ByConversation { conversation });
                self.command(network, host, accept);
            }
        }
        network.settle();
        self.collect(network);
        checks::all(network, &self.kept);
    }
}

fn accounts(network: &mut Network, except: usize, chance: u64) -> Vec<String> {
    let mut chosen = Vec::new();
    for host in 0..network.hosts.len() {
        if host != except && network.dice.percent(chance) {
            chosen.push(network.hosts[host].account.clone());
        }
    }
    chosen
}

fn pull_cables(network: &mut Network) {
    let count = network.hosts.len();
    match network.dice.below(4) {
        0 => {
            // Two camps that do not hear of each other.
            let camps = network.dice.number();
            for a in 0..count {
                for b in a + 1..count {
                    if (camps >> a) & 1 != (camps >> b) & 1 {
                        network.cut(a, b);
                    }
                }
            }
        }
        1 => {
            let (a, b) = (network.dice.below(count), network.dice.below(count));
            if a != b {
                network.cut(a, b);
            }
        }
        2 => {
            let (a, b) = (network.dice.below(count), network.dice.below(count));
            if a != b {
                network.lose(a, b);
            }
        }
        _ => {
            for a in 0..count {
                for b in a + 1..count {
                    network.mend(a, b);
                }
            }
        }
    }
}
