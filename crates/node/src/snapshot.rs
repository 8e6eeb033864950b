//! Everything a shell shows first.

use anser_api::model::{Account, Snapshot};
use anser_proto::{DeviceAddresses, card};
use anser_store::{Store, StoreError};

use crate::node::Node;

impl<S: Store> Node<S> {
    /// One's own account; empty before it is made.
    pub(crate) fn account_view(&self) -> Result<Account, StoreError> {
        let device = self.device();
        let (account, name, status, presence, link) = match &self.profile {
            None => Default::default(),
            Some(profile) => {
                let addresses = self.addresses.clone();
                let addresses = vec![DeviceAddresses { device, addresses }];
                (
                    profile.identity.account().to_string(),
                    profile.about.name.clone(),
                    profile.about.status.clone(),
                    Some(profile.presence),
                    card::to_link(&profile.card_with(addresses)),
                )
            }
        };
        Ok(Account {
            account,
            device: device.to_string(),
            name,
            status,
            avatar: self
                .profile
                .as_ref()
                .and_then(|profile| profile.about.avatar)
                .map(|picture| picture.to_string()),
            presence: presence.unwrap_or(anser_api::model::PresenceState::Available),
            addresses: self.addresses.clone(),
            relays: vec![],
            link,
        })
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut conversations = self.conversations_view()?;
        conversations.truncate(500);
        Ok(Snapshot {
            revision: self.revision,
            account: self.profile.as_ref().map(|_| self.account_view()).transpose()?,
            peers: self.peers_view(),
            conversations,
            settings: self.settings.clone(),
            relays: vec![],
        })
    }
}
