//! `anser chat`: lines in, lines out.
//!
//! Owns what the terminal shows; everything else is asked of the node. What others wrote is shown
//! without control characters, so that no text can drive the terminal.

use anser_api::model::{Contacts, Conversation, Conversations, Message, MessagePage, Peers};
use anser_api::{ApiError, ErrorCode, EventBody};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::io::BufReader;

use crate::client::Client;
use crate::failure::Failure;
use crate::lines::{Line, Lines};
use crate::options::Options;
use crate::{launch, output, stop};

/// The longest line typed or pasted, in bytes.
const LINE_BYTES: usize = 64 << 10;
/// Messages shown when a conversation is opened.
const BACKLOG: u32 = 20;
const HELP: &str = "\
/people            who is there, and your conversations, each with a number
/open NUMBER       talk there (a name or its beginning will do)
/new TITLE         a group with everybody who is online; then /add
/add NUMBER        takes a person into this group
/accept, /decline  answers a message request
/help, /quit
Everything else is sent.";

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let (client, profile) = match Client::connect(&launch::folder(options)?).await {
        Ok(running) => (running, None),
        Err(_) => {
            let profile = launch::open(options).await?;
            (Client::within(profile.clone()), Some(profile))
        }
    };
    let input = Lines::new(BufReader::new(tokio::io::stdin()), LINE_BYTES);
    let chat = Chat { client, open: None, listed: Vec::new(), titles: BTreeMap::new() };
    let result = chat.run(input).await;
    if let Some(profile) = profile {
        profile.shutdown().await;
    }
    result
}

/// Something with a number in the list.
#[derive(Clone, Debug)]
enum Listed {
    Person { account: String, name: String },
    Conversation { conversation: String, title: String },
}

impl Listed {
    fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::Conversation { title, .. } => title,
        }
    }
}

struct Chat {
    client: Client,
    open: Option<Conversation>,
    listed: Vec<Listed>,
    titles: BTreeMap<String, String>,
}

type Typed = Lines<BufReader<tokio::io::Stdin>>;

impl Chat {
    async fn run(mut self, mut input: Typed) -> Result<(), Failure> {
        self.name(&mut input).await?;
        self.client.call("events.subscribe", json!({})).await?;
        self.people().await?;
        say("Type /help for what can be done here.")?;
        let stop = stop::asked();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                line = input.next() => match line {
                    Ok(Some(Line::Text(text))) if text == "/quit" => return Ok(()),
                    Ok(Some(Line::Text(text))) => match self.typed(&text).await {
                        Ok(()) => {}
                        Err(error) if error.code == ErrorCode::Unreachable && error.message.starts_with("The node ended") => return Err(error.into()),
                        Err(error) => say(&format!("! {}", error.message))?,
                    },
                    Ok(Some(Line::TooLong)) => say("! This line is too long; it was not sent.")?,
                    Ok(None) | Err(_) => return Ok(()),
                },
                event = self.client.event() => self.happened(event?.body).await?,
            }
        }
    }

    /// Makes the account, asking for a name, if there is none yet.
    async fn name(&mut self, input: &mut Typed) -> Result<(), Failure> {
        match self.client.call("account.get", json!({})).await {
            Err(error) if error.code == ErrorCode::NoAccount => {}
            other => return Ok(other.map(drop)?),
        }
        say("Your name?")?;
        match input.next().await {
            Ok(Some(Line::Text(name))) => {
                self.client.call("account.create", json!({"name": name})).await?;
                Ok(())
            }
            _ => Err(Failure::usage("A name is needed: start with --name NAME.")),
        }
    }

    async fn typed(&mut self, text: &str) -> Result<(), ApiError> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb {
            "/help" => show(HELP),
            "/people" => return self.people().await,
            "/open" => return self.open(rest.trim()).await,
            "/new" => return self.found(rest.trim()).await,
            "/add" => return self.add(rest.trim()).await,
            "/accept" => return self.answer("conversation.accept").await,
            "/decline" => {
                self.answer("conversation.decline").await?;
                self.open = None;
            }
            _ if verb.starts_with('/') => show("! There is no such command; /help lists them."),
            _ => {
                let conversation = self.here()?;
                let params = json!({"conversation": conversation, "text": text});
                self.client.call("message.send", params).await?;
            }
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<T, ApiError> {
        let value = self.client.call(method, params).await?;
        serde_json::from_value(value)
            .map_err(|error| ApiError::new(ErrorCode::Internal, format!("{method}: {error}.")))
    }

    fn here(&self) -> Result<String, ApiError> {
        let open = self.open.as_ref().map(|open| open.conversation.clone());
        open.ok_or_else(|| {
            ApiError::invalid("No conversation is open: /people, then /open NUMBER.")
        })
    }

    async fn people(&mut self) -> Result<(), ApiError> {
        let conversations: Conversations =
            self.get("conversation.list", json!({"limit": 100})).await?;
        let peers: Peers = self.get("peer.list", json!({})).await?;
        let contacts: Contacts = self.get("contact.list", json!({"limit": 500})).await?;
        self.listed.clear();
        for conversation in conversations.conversations {
            let Conversation { conversation, title, unread, request, .. } = conversation;
            self.titles.insert(conversation.clone(), title.clone());
            let unread = if unread > 0 { format!("  {unread} new") } else { String::new() };
            let request = if request { "  asks to talk" } else { "" };
            self.list(Listed::Conversation { conversation, title }, &format!("{unread}{request}"));
        }
        let mut people: BTreeMap<String, (String, bool)> = BTreeMap::new();
        for contact in contacts.contacts {
            people.insert(contact.account, (contact.name, contact.online));
        }
        for peer in peers.peers {
            let entry = people.entry(peer.account).or_insert((peer.name, false));
            entry.1 |= peer.online;
        }
        for (account, (name, online)) in people {
            let more = if online { "  online" } else { "" };
            self.list(Listed::Person { account, name }, more);
        }
        if self.listed.is_empty() {
            show("Nobody is here yet. Start Anser on another computer of this network.");
        }
        Ok(())
    }

    fn list(&mut self, listed: Listed, more: &str) {
        let mark = if matches!(listed, Listed::Person { .. }) { '@' } else { '#' };
        self.listed.push(listed.clone());
        show(&format!("{:3} {mark}{}{more}", self.listed.len(), clean(listed.name())));
    }

    fn find(&self, what: &str) -> Result<Listed, ApiError> {
        let by_number = what.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let by_number = by_number.and_then(|at| self.listed.get(at));
        let lower = what.to_lowercase();
        let by_name =
            || self.listed.iter().find(|listed| listed.name().to_lowercase().starts_with(&lower));
        by_number.or_else(|| if what.is_empty() { None } else { by_name() }).cloned().ok_or_else(
            || ApiError::invalid("Nobody and nothing is called so: /people lists them."),
        )
    }

    async fn open(&mut self, what: &str) -> Result<(), ApiError> {
        let conversation: Conversation = match self.find(what)? {
            Listed::Person { account, .. } => {
                self.get("conversation.direct", json!({"account": account})).await?
            }
            Listed::Conversation { conversation, .. } => {
                self.get("conversation.get", json!({"conversation": conversation})).await?
            }
        };
        self.enter(conversation).await
    }

    async fn enter(&mut self, conversation: Conversation) -> Result<(), ApiError> {
        let id = conversation.conversation.clone();
        self.titles.insert(id.clone(), conversation.title.clone());
        show(&format!("— {} —", clean(&conversation.title)));
        if conversation.request {
            show("They ask to talk with you: /accept or /decline.");
        }
        self.open = Some(conversation);
        let params = json!({"conversation": id, "limit": BACKLOG});
        let page: MessagePage = self.get("message.list", params).await?;
        for message in &page.messages {
            print(message, None);
        }
        match page.messages.last() {
            Some(last) => self.read(&id, &last.message).await,
            None => Ok(()),
        }
    }

    async fn read(&mut self, conversation: &str, message: &str) -> Result<(), ApiError> {
        let params = json!({"conversation": conversation, "up_to": message});
        self.client.call("message.read", params).await.map(drop)
    }

    async fn found(&mut self, title: &str) -> Result<(), ApiError> {
        if title.is_empty() {
            return Err(ApiError::invalid("A group has a title: /new TITLE."));
        }
        let peers: Peers = self.get("peer.list", json!({})).await?;
        let online = peers.peers.into_iter().filter(|peer| peer.online);
        let mut members: Vec<String> = online.map(|peer| peer.account).collect();
        members.sort_unstable();
        members.dedup();
        let params = json!({"title": title, "members": members});
        let group = self.get("conversation.create", params).await?;
        self.enter(group).await
    }

    async fn add(&mut self, what: &str) -> Result<(), ApiError> {
        let conversation = self.here()?;
        let Listed::Person { account, name } = self.find(what)? else {
            return Err(ApiError::invalid("Only people can be added."));
        };
        let params = json!({"conversation": conversation, "accounts": [account]});
        self.client.call("conversation.add", params).await?;
        show(&format!("{} was added.", clean(&name)));
        Ok(())
    }

    async fn answer(&mut self, method: &str) -> Result<(), ApiError> {
        let conversation = self.here()?;
        self.client.call(method, json!({"conversation": conversation})).await.map(drop)
    }

    async fn happened(&mut self, event: EventBody) -> Result<(), Failure> {
        match event {
            EventBody::MessageAdded { message } => {
                let here = self
                    .open
                    .as_ref()
                    .is_some_and(|open| open.conversation == message.conversation);
                let title = self.titles.get(&message.conversation).map_or("new", String::as_str);
                print(&message, (!here).then_some(title));
                if here && !message.own {
                    // Not having said so is told again with the next message.
                    let _ = self.read(&message.conversation, &message.message).await;
                }
            }
            EventBody::ConversationChanged { conversation } => {
                let id = conversation.conversation.clone();
                let new = self.titles.insert(id, conversation.title.clone()).is_none();
                if new && conversation.request {
                    show(&format!(
                        "* {} asks to talk: /people, then /open.",
                        clean(&conversation.title)
                    ));
                }
            }
            EventBody::Warning { message, .. } => show(&format!("! {message}")),
            _ => {}
        }
        Ok(())
    }
}

/// A message, with the conversation's title where that is not the open one.
fn print(message: &Message, title: Option<&str>) {
    let text = match (&message.notice, message.deleted) {
        (Some(notice), _) => format!("* {}", notice.what),
        (None, true) => "(taken back)".to_owned(),
        (None, false) => clean(&message.text),
    };
    let place = title.map_or_else(String::new, |title| format!("[{}] ", clean(title)));
    let name = if message.own { "you".to_owned() } else { clean(&message.name) };
    show(&format!("{place}{name}: {text}"));
}

/// Without characters that could drive the terminal; lines after the first are set in.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => clean.push_str("\n    "),
            '\t' => clean.push(' '),
            // Controls, and the marks that turn the direction of writing around.
            c if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) => clean.push('\u{fffd}'),
            c => clean.push(c),
        }
    }
    clean
}

/// A line that may get lost when nobody reads any more; the end of the input ends the chat.
fn show(text: &str) {
    let _ = output::line(text);
}

fn say(text: &str) -> Result<(), Failure> {
    output::line(text).map_err(|_| Failure::failed("Nobody reads what is said here."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\u{7}"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
        assert_eq!(clean("one\ntwo"), "one\n    two");
        assert_eq!(clean("\u{202e}gnp.exe"), "\u{fffd}gnp.exe");
    }
}
