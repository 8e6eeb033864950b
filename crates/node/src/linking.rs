//! Linking a device: showing a code, accepting one, handing the account over.
//!
//! What passes is described in `anser_proto::linking`. A code is kept in memory only, is valid for ten
//! minutes, for one device, and not after a few wrong proofs. The account is handed over only after
//! the new device is in the list on disk here, and taken only when it is on disk there.

use std::collections::BTreeMap;

use anser_api::model::{Device, LinkCode as LinkCodeView, LinkStep, Via};
use anser_api::params::{DeviceLinkAccept, DeviceLinkStart};
use anser_api::{ApiError, ErrorCode, EventBody, Reply};
use anser_e2ee::Identity;
use anser_proto::frame::{LinkGrant, LinkOffer, LinkReady, LinkTaken};
use anser_proto::linking::{LinkCode, Side, link_proof, same_secret};
use anser_proto::sign::Keypair;
use anser_proto::{AccountId, DeviceId, DeviceList, Frame, limits};
use anser_store::{Store, StoreError};

use crate::node::{About, Answer, Node, Timer};
use crate::write::no_account;

/// How long a code is valid.
const CODE_MS: u64 = 10 * 60_000;
/// How long an accepted code may take.
const GRANT_MS: u64 = 30_000;
/// Wrong proofs after which a code is no longer valid.
const WRONG_PROOFS: u8 = 3;

/// Linking as it stands, on either side.
#[derive(Default)]
pub(crate) struct Linking {
    shown: Option<Shown>,
    grants: BTreeMap<DeviceId, Grant>,
}

/// The code that this device shows.
struct Shown {
    secret: [u8; 32],
    label: String,
    wrong: u8,
    /// Who proved that they have seen it.
    giver: Option<DeviceId>,
}

/// A code that was accepted here.
struct Grant {
    call: u64,
    secret: [u8; 32],
    /// Whether the account is on its way.
    granted: bool,
}

impl<S: Store> Node<S> {
    pub(crate) fn link_start(&mut self, params: DeviceLinkStart) -> Answer {
        if self.profile.is_some() {
            return Err(has_account());
        }
        let secret = self.random.bytes();
        let label = params.device_label.unwrap_or_else(|| "Device".into());
        let label = label.chars().take(64).collect();
        let code = LinkCode {
            device: self.device(),
            secret: secret.into(),
            addresses: self.addresses.clone(),
        };
        self.linking.shown = Some(Shown { secret, label, wrong: 0, giver: None });
        self.timers.retain(|(_, timer)| *timer != Timer::LinkExpires);
        self.after(CODE_MS, Timer::LinkExpires);
        self.link_step(LinkStep::Waiting, "");
        let expires_ms = self.now.wall_ms.saturating_add(CODE_MS);
        Ok(Reply::DeviceLinkStart(Box::new(LinkCodeView { code: code.to_text(), expires_ms })))
    }

    pub(crate) fn link_cancel(&mut self) -> Answer {
        self.linking.shown = None;
        self.timers.retain(|(_, timer)| *timer != Timer::LinkExpires);
        Ok(Reply::DeviceLinkCancel(Self::done()))
    }

    pub(crate) fn link_expired(&mut self) {
        if self.linking.shown.take().is_some() {
            self.link_step(LinkStep::Expired, "The code is no longer valid: show a new one.");
        }
    }

    fn link_step(&mut self, step: LinkStep, message: &str) {
        self.emit(EventBody::LinkChanged { step, message: message.to_owned() });
    }

    /// Accepts the code of a new device; the reply comes once that has the account.
    pub(crate) fn link_accept(
        &mut self,
        call: u64,
        params: &DeviceLinkAccept,
    ) -> Result<(), StoreError> {
        let code = match self.acceptable(&params.code) {
            Ok(code) => code,
            Err(error) => {
                self.reply(call, Err(error));
                return Ok(());
            }
        };
        let device = code.device;
        let grant = Grant { call, secret: *code.secret, granted: false };
        if let Some(before) = self.linking.grants.insert(device, grant) {
            let again = ApiError::new(ErrorCode::Refused, "The same code was entered once more.");
            self.reply(before.call, Err(again));
        }
        self.timers.retain(|(_, timer)| *timer != Timer::Grant(device));
        self.after(GRANT_MS, Timer::Grant(device));
        self.learn_addresses(device, code.addresses.clone())?;
        self.devices.entry(device).or_default().via.insert(Via::Manual);
        if self.sessions.contains_key(&device) {
            self.offer_link(device);
        } else {
            self.want(device, code.addresses);
        }
        Ok(())
    }

    fn acceptable(&self, text: &str) -> Result<LinkCode, ApiError> {
        let profile = self.profile.as_ref().ok_or_else(no_account)?;
        let code = LinkCode::from_text(text).map_err(|_| {
            ApiError::invalid("This is no code of a new device, or only a part of one.")
        })?;
        if profile.identity.is_revoked() {
            return Err(revoked());
        }
        if code.device == self.device() {
            return Err(ApiError::invalid("This is this device's own code."));
        }
        let own = profile.identity.account();
        let was_ours = self.directory.account_of(&code.device) == Some(own);
        // One that is in the list and shows a code did not get the account: it gets it now.
        if was_ours && !self.directory.devices_of(&own).contains(&code.device) {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "This device was taken out of your account: to take it in again it needs a new \
                 profile.",
            ));
        }
        if !was_ours && profile.identity.list().certificates.len() >= limits::DEVICES {
            return Err(ApiError::new(
                ErrorCode::TooLarge,
                "An account has at most 16 devices: take one out first.",
            ));
        }
        Ok(code)
    }

    /// Proves to a new device that its code was seen, if it was.
    pub(crate) fn offer_link(&mut self, device: DeviceId) {
        let own = self.device();
        let Some(grant) = self.linking.grants.get(&device) else { return };
        let proof = link_proof(&grant.secret, Side::Giver, &own, &device);
        self.send(device, LinkOffer { proof });
    }

    pub(crate) fn grant_ended(&mut self, device: DeviceId) {
        let Some(grant) = self.linking.grants.remove(&device) else { return };
        self.review_granted(device);
        let error = if grant.granted {
            ApiError::new(
                ErrorCode::Unreachable,
                "The new device did not confirm. Look whether it shows your account; if it does \
                 not, take it out of the list and link it again.",
            )
        } else {
            ApiError::new(
                ErrorCode::Unreachable,
                "The new device does not answer. Both must be in networks that reach each other, \
                 and its code must still be shown.",
            )
        };
        self.reply(grant.call, Err(error));
    }

    /// A device whose code was accepted is no longer wanted for that.
    fn review_granted(&mut self, device: DeviceId) {
        self.timers.retain(|(_, timer)| *timer != Timer::Grant(device));
        if self.directory.account_of(&device).is_none() && self.wanted.remove(&device) {
            self.outputs.push_back(crate::io::Output::Unwant { device });
        }
    }

    /// A frame about linking; these count before any hello.
    pub(crate) fn link_frame(&mut self, device: DeviceId, frame: Frame) -> Result<(), StoreError> {
        match frame {
            Frame::LinkOffer(offer) => self.link_offered(device, &offer),
            Frame::LinkReady(ready) => self.link_ready(device, ready),
            Frame::LinkGrant(grant) => return self.link_granted(device, &grant),
            Frame::LinkTaken(_) => self.link_taken(device),
            _ => {}
        }
        Ok(())
    }

    fn link_offered(&mut self, device: DeviceId, offer: &LinkOffer) {
        let own = self.device();
        let Some(shown) = &mut self.linking.shown else { return self.uninvited() };
        if !same_secret(&*offer.proof, &*link_proof(&shown.secret, Side::Giver, &device, &own)) {
            shown.wrong = shown.wrong.saturating_add(1);
            if shown.wrong >= WRONG_PROOFS {
                self.linking.shown = None;
                self.link_step(
                    LinkStep::Failed,
                    "Somebody tried to use this code without having seen it: show a new one.",
                );
            }
            return self.mischief(device);
        }
        if shown.giver.is_some_and(|giver| giver != device) {
            return self.uninvited();
        }
        shown.giver = Some(device);
        let proof = link_proof(&shown.secret, Side::Taker, &device, &own);
        let label = shown.label.clone();
        self.send(device, LinkReady { proof, label });
        self.link_step(LinkStep::Receiving, "");
    }

    fn link_ready(&mut self, device: DeviceId, ready: LinkReady) {
        let own = self.device();
        let Some(grant) = self.linking.grants.get(&device) else { return self.uninvited() };
        if !same_secret(&*ready.proof, &*link_proof(&grant.secret, Side::Taker, &own, &device)) {
            return self.mischief(device);
        }
        let first = !grant.granted;
        let wall_ms = self.now.wall_ms;
        if let Some(grant) = self.linking.grants.get_mut(&device) {
            grant.granted = true;
        }
        let listed =
            self.own_account().is_some_and(|own| self.directory.devices_of(&own).contains(&device));
        if first && !listed {
            if let Some(profile) = &mut self.profile {
                profile.identity.add_device(device, ready.label, wall_ms);
            }
            if let Err(error) = self.publish() {
                let Some(grant) = self.linking.grants.remove(&device) else { return };
                return self.reply(grant.call, Err(error));
            }
        }
        let Some(profile) = &self.profile else { return };
        let account = profile.identity.account_key();
        let grant = LinkGrant {
            secret: (*account.secret()).into(),
            list: profile.identity.list().sign(account),
            name: profile.about.name.clone(),
            status: profile.about.status.clone(),
            avatar: profile.about.avatar,
            version: profile.version,
        };
        self.send(device, grant);
    }

    fn link_granted(&mut self, device: DeviceId, grant: &LinkGrant) -> Result<(), StoreError> {
        let expected = self.linking.shown.as_ref().is_some_and(|s| s.giver == Some(device));
        if !expected || self.profile.is_some() {
            self.uninvited();
            return Ok(());
        }
        let account = Keypair::from_secret(&grant.secret);
        let own = self.key.clone();
        let identity = DeviceList::open(&grant.list)
            .ok()
            .filter(|(list, _)| list.account == AccountId(account.public()))
            .and_then(|(list, _)| Identity::restore(account, own, list, None));
        let Some(identity) = identity else {
            self.mischief(device);
            return Ok(());
        };
        let about =
            About { name: grant.name.clone(), status: grant.status.clone(), avatar: grant.avatar };
        self.linking.shown = None;
        self.timers.retain(|(_, timer)| *timer != Timer::LinkExpires);
        self.enter_account(identity, about, grant.version)?;
        self.send(device, LinkTaken {});
        self.link_step(LinkStep::Done, "");
        Ok(())
    }

    /// Makes an account that was made elsewhere this device's own.
    pub(crate) fn enter_account(
        &mut self,
        identity: Identity,
        about: About,
        version: u64,
    ) -> Result<(), StoreError> {
        let own = identity.account();
        self.take_profile(identity, about, version);
        self.store_profile()?;
        self.tell_profile()?;
        self.want_account(&own);
        let connected: Vec<_> = self.sessions.keys().copied().collect();
        for device in connected {
            self.compare_own(device);
        }
        Ok(())
    }

    fn link_taken(&mut self, device: DeviceId) {
        if !self.is_granted(&device) {
            return self.uninvited();
        }
        self.link_confirmed(device);
    }

    fn is_granted(&self, device: &DeviceId) -> bool {
        self.linking.grants.get(device).is_some_and(|grant| grant.granted)
    }

    /// The new device has the account: it said so, or it greets as one of ours.
    pub(crate) fn link_confirmed(&mut self, device: DeviceId) {
        if !self.is_granted(&device) {
            return;
        }
        let Some(grant) = self.linking.grants.remove(&device) else { return };
        self.review_granted(device);
        self.dirty_people.extend(self.own_account());
        let id = device.to_string();
        let view = self.devices_view().devices.into_iter().find(|view| view.device == id);
        let view = view.ok_or_else(|| ApiError::not_found("device"));
        self.reply(grant.call, view.map(|view: Device| Reply::DeviceLinkAccept(Box::new(view))));
    }
}

/// This profile has an account, so it cannot get another.
pub(crate) fn has_account() -> ApiError {
    ApiError::new(
        ErrorCode::AlreadyExists,
        "This profile has an account already; another account needs another profile.",
    )
}

/// This device was taken out of its account.
pub(crate) fn revoked() -> ApiError {
    ApiError::new(
        ErrorCode::Refused,
        "This device was taken out of your account: link it anew with an empty profile.",
    )
}
