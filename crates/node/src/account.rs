//! Commands on one's own account, devices, contacts and settings.

use anser_api::model::{Contacts, Device, Devices, Done, Relation, Relays, Trust};
use anser_api::params::{
    AccountCreate, AccountUpdate, ContactAdd, ContactBlock, ContactVerify, DeviceRevoke, Page,
    PresenceSet, SettingsSet,
};
use anser_api::{ApiError, ErrorCode, EventBody, Reply, model};
use anser_e2ee::Identity;
use anser_proto::certificate::{Certificate, Cut, Revocation};
use anser_proto::frame::Digests;
use anser_proto::sign::Keypair;
use anser_proto::{AccountId, DeviceId, limits};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::node::{About, Answer, Node};
use crate::people::{BLOCKED, CONTACT, STRANGER};
use crate::pictures;
use crate::records::ProfileRecord;
use crate::write::no_account;

impl<S: Store> Node<S> {
    pub(crate) fn account_create(&mut self, params: AccountCreate) -> Answer {
        if self.profile.is_some() {
            return Err(ApiError::new(
                ErrorCode::AlreadyExists,
                "This profile has an account already; use account.update to change it.",
            ));
        }
        let name = checked_name(&params.name)?;
        let label = params.device_label.unwrap_or_else(|| "Device".into());
        let label = label.chars().take(64).collect();
        let account = Keypair::from_secret(&self.random.bytes());
        let identity = Identity::create(account, self.key.clone(), label, self.now.wall_ms);
        self.take_profile(identity, About { name, status: None, avatar: None }, 1);
        self.save_profile()?;
        self.shown_devices = self.devices_view().devices;
        let connected: Vec<_> = self.sessions.keys().copied().collect();
        for device in connected {
            self.greet(device);
        }
        let account = self.account_view().map_err(|e| self.fail_command(e))?;
        self.emit(EventBody::AccountChanged { account: account.clone() });
        Ok(Reply::AccountCreate(Box::new(account)))
    }

    pub(crate) fn save_profile(&mut self) -> Result<(), ApiError> {
        if self.profile.is_none() {
            return Err(no_account());
        }
        self.store_profile().map_err(|e| self.fail_command(e))
    }

    /// Writes the account as it is now, and that of all its devices that have numbers to get.
    pub(crate) fn store_profile(&mut self) -> Result<(), StoreError> {
        let Some(profile) = &self.profile else { return Ok(()) };
        let record = ProfileRecord {
            secret: (*profile.identity.account_key().secret()).into(),
            list: profile.identity.list().sign(profile.identity.account_key()),
            name: profile.about.name.clone(),
            status: profile.about.status.clone(),
            version: profile.version,
            certificate: Some(profile.identity.certificate().clone()),
            avatar: profile.about.avatar,
        };
        let own = profile.identity.account();
        let mut batch = Batch::new();
        disk::put(&mut batch, Table::Identity, b"account", &record);
        let mut devices = self.directory.devices_of(&own);
        devices.push(self.device());
        for device in devices {
            if !self.numbers.devices.contains_key(&device) {
                self.number(device, &mut batch);
            }
        }
        self.commit(batch)
    }

    /// Makes a new card, stores it and tells everybody connected.
    pub(crate) fn publish(&mut self) -> Result<model::Account, ApiError> {
        let Some(profile) = &self.profile else { return Err(no_account()) };
        let (identity, about) = (profile.identity.clone(), profile.about.clone());
        let version = profile.version.saturating_add(1);
        self.take_profile(identity, about, version);
        self.save_profile()?;
        self.tell_profile().map_err(|e| self.fail_command(e))
    }

    /// Tells everybody connected, and the shell, of the account as it is now.
    pub(crate) fn tell_profile(&mut self) -> Result<model::Account, StoreError> {
        let connected: Vec<_> = self.sessions.keys().copied().collect();
        for device in connected {
            if let Some(session) = self.sessions.get_mut(&device) {
                session.greeted = false;
            }
            self.greet(device);
        }
        self.dirty_people.extend(self.own_account());
        let account = self.account_view()?;
        self.emit(EventBody::AccountChanged { account: account.clone() });
        Ok(account)
    }

    pub(crate) fn account_update(&mut self, params: AccountUpdate) -> Answer {
        let name = params.name.as_deref().map(checked_name).transpose()?;
        if params.status.as_ref().is_some_and(|s| s.len() > limits::STATUS_BYTES) {
            return Err(ApiError::new(ErrorCode::TooLarge, "A status line is at most 512 bytes."));
        }
        let avatar = params.avatar.as_deref().map(pictures::given).transpose()?;
        if self.profile.is_none() {
            return Err(no_account());
        }
        let picture = match avatar {
            None => None,
            Some(None) => Some(None),
            Some(Some(bytes)) => {
                Some(Some(self.keep_picture(&bytes).map_err(|e| self.fail_command(e))?))
            }
        };
        let Some(profile) = &mut self.profile else { return Err(no_account()) };
        let about = &mut profile.about;
        about.name = name.unwrap_or_else(|| about.name.clone());
        if let Some(status) = params.status {
            about.status = Some(status.trim().to_owned()).filter(|s| !s.is_empty());
        }
        about.avatar = picture.unwrap_or(about.avatar);
        Ok(Reply::AccountUpdate(Box::new(self.publish()?)))
    }

    pub(crate) fn presence_set(&mut self, params: PresenceSet) -> Answer {
        if params.status == model::PresenceState::Offline {
            return Err(ApiError::invalid("Presence is available, away or busy."));
        }
        let Some(profile) = &mut self.profile else { return Err(no_account()) };
        profile.presence = params.status;
        let frame = self.presence_frame();
        let devices: Vec<_> = self.sessions.keys().copied().collect();
        for device in devices {
            self.send(device, frame);
        }
        let account = self.account_view().map_err(|e| self.fail_command(e))?;
        self.emit(EventBody::AccountChanged { account: account.clone() });
        Ok(Reply::PresenceSet(Box::new(account)))
    }

    pub(crate) fn devices_view(&self) -> Devices {
        let Some(profile) = &self.profile else { return Devices { devices: vec![] } };
        let certificates = profile.identity.list().certificates.iter();
        let devices = certificates
            .filter_map(|signed| Certificate::open(signed).ok())
            .map(|certificate| Device {
                device: certificate.device.to_string(),
                label: certificate.label,
                created_ms: certificate.created_ms,
                current: certificate.device == self.device(),
                online: certificate.device == self.device()
                    || self.sessions.contains_key(&certificate.device),
            })
            .collect();
        Devices { devices }
    }

    pub(crate) fn device_revoke(&mut self, params: DeviceRevoke) -> Answer {
        let device: DeviceId = params.device.parse().map_err(|_| ApiError::not_found("device"))?;
        if device == self.device() {
            return Err(ApiError::invalid("This device cannot take itself out: use another one."));
        }
        let own = self.own_account().ok_or_else(no_account)?;
        if !self.directory.devices_of(&own).contains(&device) {
            return Err(ApiError::not_found("device"));
        }
        let cuts = self
            .rooms
            .values()
            .map(|room| Cut { conversation: room.record.id, seq: room.chat.held(&device) })
            .filter(|cut| cut.seq > 0)
            .collect();
        if let Some(profile) = &mut self.profile {
            profile.identity.revoke(Revocation { device, cuts });
        }
        self.publish()?;
        self.apply_card(own);
        Ok(Reply::DeviceRevoke(Box::new(self.devices_view())))
    }

    pub(crate) fn contact_add(&mut self, params: ContactAdd) -> Answer {
        self.own_account().ok_or_else(no_account)?;
        let account = self.take_link(&params.card)?;
        if Some(account) == self.own_account() {
            return Err(ApiError::invalid("This is your own card."));
        }
        self.set_relation(account, CONTACT).map_err(|e| self.fail_command(e))?;
        self.want_account(&account);
        Ok(Reply::ContactAdd(Box::new(self.contact_view(&account))))
    }

    pub(crate) fn contact_list(&self, page: Page) -> Answer {
        let mut contacts: Vec<_> = self
            .people
            .values()
            .filter(|person| person.relation != STRANGER)
            .map(|person| self.contact_view(&person.account))
            .collect();
        contacts.sort_by_cached_key(|c| (c.name.to_lowercase(), c.account.clone()));
        let (contacts, more) = paged(contacts, &page, |contact| &contact.account)?;
        Ok(Reply::ContactList(Box::new(Contacts { contacts, more })))
    }

    pub(crate) fn contact_view(&self, account: &AccountId) -> model::Contact {
        let person = self.people.get(account);
        let card = self.directory.card(account);
        model::Contact {
            account: account.to_string(),
            name: self.name_of(account),
            status: card.and_then(|card| card.status.clone()),
            avatar: card.and_then(crate::views::picture_of),
            trust: self.trust(account),
            relation: self.relation_view(account),
            online: self.is_online(account),
            presence: self.presence_of(account),
            safety_number: self.safety_number(account).grouped(),
            last_seen_ms: person.and_then(|person| person.last_seen_ms),
        }
    }

    pub(crate) fn trust(&self, account: &AccountId) -> Trust {
        if Some(*account) == self.own_account() {
            return Trust::Own;
        }
        match self.people.get(account) {
            Some(person) if person.verified => Trust::Verified,
            _ => Trust::Unverified,
        }
    }

    pub(crate) fn relation_view(&self, account: &AccountId) -> Relation {
        match self.relation(account) {
            BLOCKED => Relation::Blocked,
            CONTACT => Relation::Contact,
            STRANGER => Relation::Stranger,
            _ => Relation::Requested,
        }
    }

    pub(crate) fn contact_block(&mut self, params: ContactBlock) -> Answer {
        let account = self.known_account(&params.account)?;
        if Some(account) == self.own_account() {
            return Err(ApiError::invalid("One cannot block oneself."));
        }
        let relation = match params.blocked.unwrap_or(true) {
            true => BLOCKED,
            false => CONTACT,
        };
        self.set_relation(account, relation).map_err(|e| self.fail_command(e))?;
        self.dirty_shared(&account);
        if relation == CONTACT {
            for device in self.directory.devices_of(&account) {
                if self.session_account(&device).is_some() {
                    let shared = self.shared_with(&account);
                    self.offer(device, &shared);
                    self.send(device, Digests { digests: vec![] });
                }
            }
        }
        Ok(Reply::ContactBlock(Box::new(self.contact_view(&account))))
    }

    pub(crate) fn contact_verify(&mut self, params: ContactVerify) -> Answer {
        let account = self.known_account(&params.account)?;
        if !self.safety_number(&account).matches(&params.safety_number) {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "The numbers differ: compare again, over a way you trust. If they still differ, \
                 somebody may be in between.",
            ));
        }
        let stamp = self.next_stamp();
        let person = self.person(account);
        (person.verified, person.stamp) = (true, Some(stamp));
        self.tell_own_person(&account);
        self.save_person(account).map_err(|e| self.fail_command(e))?;
        self.dirty_people.insert(account);
        self.dirty_shared(&account);
        Ok(Reply::ContactVerify(Box::new(self.contact_view(&account))))
    }

    /// An account that a card, a conversation or a record here names.
    pub(crate) fn known_account(&self, text: &str) -> Result<AccountId, ApiError> {
        let account: AccountId = text.parse().map_err(|_| ApiError::not_found("account"))?;
        let known = self.directory.card(&account).is_some()
            || self.people.contains_key(&account)
            || Some(account) == self.own_account()
            || self.rooms.values().any(|room| room.chat.is_member(&account));
        if known { Ok(account) } else { Err(ApiError::not_found("account")) }
    }

    pub(crate) fn settings_set(&mut self, params: SettingsSet) -> Answer {
        if params.theme.as_deref().is_some_and(|t| !["system", "light", "dark"].contains(&t)) {
            return Err(ApiError::invalid("A theme is system, light or dark."));
        }
        if params.language.as_deref().is_some_and(|l| !["system", "en", "zh-CN"].contains(&l)) {
            return Err(ApiError::invalid("A language is system, en or zh-CN."));
        }
        let settings = &mut self.settings;
        let switches = [
            (&mut settings.accept_requests, params.accept_requests),
            (&mut settings.read_receipts, params.read_receipts),
            (&mut settings.typing, params.typing),
            (&mut settings.notifications, params.notifications),
            (&mut settings.notification_preview, params.notification_preview),
            (&mut settings.close_to_tray, params.close_to_tray),
            (&mut settings.autostart, params.autostart),
        ];
        for (setting, value) in switches {
            *setting = value.unwrap_or(*setting);
        }
        settings.fetch_limit_bytes = params.fetch_limit_bytes.unwrap_or(settings.fetch_limit_bytes);
        settings.theme = params.theme.unwrap_or_else(|| settings.theme.clone());
        settings.language = params.language.unwrap_or_else(|| settings.language.clone());
        let settings = self.settings.clone();
        let mut batch = Batch::new();
        let bytes = serde_json::to_vec(&settings).unwrap_or_default();
        batch.put(Table::Settings, b"settings".to_vec(), bytes);
        self.commit(batch).map_err(|e| self.fail_command(e))?;
        self.emit(EventBody::SettingsChanged { settings: settings.clone() });
        Ok(Reply::SettingsSet(Box::new(settings)))
    }

    pub(crate) fn relays_view(&self) -> Relays {
        Relays { relays: vec![] }
    }

    pub(crate) fn done() -> Box<Done> {
        Box::new(Done {})
    }
}

/// A name that can be shown: trimmed, not empty, within the limit.
pub(crate) fn checked_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(ApiError::invalid("A name cannot be empty."));
    }
    if name.len() > limits::NAME_BYTES {
        return Err(ApiError::new(ErrorCode::TooLarge, "A name is at most 256 bytes."));
    }
    Ok(name.to_owned())
}

/// One page of a list.
pub(crate) fn paged<T>(
    list: Vec<T>,
    page: &Page,
    id: impl Fn(&T) -> &String,
) -> Result<(Vec<T>, bool), ApiError> {
    let limit = checked_limit(page.limit)?;
    let skip = match &page.after {
        None => 0,
        Some(after) => list
            .iter()
            .position(|item| id(item) == after)
            .map(|at| at.saturating_add(1))
            .ok_or_else(|| ApiError::invalid("`after` names nothing in this list."))?,
    };
    let more = list.len().saturating_sub(skip) > limit;
    Ok((list.into_iter().skip(skip).take(limit).collect(), more))
}

/// A page size: 50 unless told, at most 500.
pub(crate) fn checked_limit(limit: Option<u32>) -> Result<usize, ApiError> {
    match limit.unwrap_or(50) {
        limit @ 1..=500 => Ok(limit as usize),
        _ => Err(ApiError::invalid("A limit is from 1 to 500.")),
    }
}
