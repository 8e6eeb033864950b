//! Which device speaks for which account, learnt from certificates, lists and cards.
//!
//! Monotonic: a device keeps the account it was first certified for (its key signs for one
//! account; a second account claiming it is ignored), the highest device list wins, and a device
//! that any list revoked stays revoked.

use std::collections::BTreeMap;

use anser_proto::card::OpenCard;
use anser_proto::certificate::{Certificate, DeviceList};
use anser_proto::sign::Signed;
use anser_proto::{AccountId, Card, ConversationId, DeviceId};

use crate::merge;

/// The devices and cards known here.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    devices: BTreeMap<DeviceId, AccountId>,
    cards: BTreeMap<AccountId, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    card: Card,
    signed: Signed,
    list: DeviceList,
}

/// What a card brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardNews {
    /// Nothing that was not known.
    Nothing,
    /// A new or newer card.
    Card,
    /// A new or newer card with another device list.
    Devices,
}

impl Directory {
    /// Learns from a certificate that was opened (its signature was checked). Returns whether the
    /// device speaks for that account.
    pub fn learn(&mut self, certificate: &Certificate) -> bool {
        *self.devices.entry(certificate.device).or_insert(certificate.account)
            == certificate.account
    }

    /// Learns from a card that was opened.
    pub fn learn_card(&mut self, open: OpenCard, signed: Signed) -> CardNews {
        for certificate in &open.certificates {
            self.learn(certificate);
        }
        let account = open.card.account;
        let (mut news, mut list) = (CardNews::Devices, open.devices);
        if let Some(known) = self.cards.get_mut(&account) {
            let both = [known.list.revoked.as_slice(), list.revoked.as_slice()];
            let revoked = merge::revocations(both.into_iter());
            let before = merge::revocations([known.list.revoked.as_slice()].into_iter());
            let more_revoked = revoked != before;
            let newer_list = list.version > known.list.version;
            if !newer_list {
                list = known.list.clone();
                news = if more_revoked { CardNews::Devices } else { CardNews::Card };
            }
            list.revoked = revoked;
            if open.card.version <= known.card.version && !newer_list {
                known.list = list;
                return if more_revoked { CardNews::Devices } else { CardNews::Nothing };
            }
        }
        self.cards.insert(account, Known { card: open.card, signed, list });
        news
    }

    /// The account a device speaks for.
    pub fn account_of(&self, device: &DeviceId) -> Option<AccountId> {
        self.devices.get(device).copied()
    }

    /// The devices in use of an account.
    pub fn devices_of(&self, account: &AccountId) -> Vec<DeviceId> {
        let revoked = |device: &DeviceId| {
            self.cards
                .get(account)
                .is_some_and(|k| k.list.revoked.iter().any(|r| r.device == *device))
        };
        self.devices
            .iter()
            .filter(|(device, owner)| *owner == account && !revoked(device))
            .map(|(device, _)| *device)
            .collect()
    }

    /// The card of an account.
    pub fn card(&self, account: &AccountId) -> Option<&Card> {
        self.cards.get(account).map(|known| &known.card)
    }

    /// The card of an account, as it was signed.
    pub fn signed_card(&self, account: &AccountId) -> Option<&Signed> {
        self.cards.get(account).map(|known| &known.signed)
    }

    /// The accounts whose cards are known.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.cards.keys()
    }

    /// How far the events of a revoked device count in a conversation; `None` when it is in use.
    pub fn cut(
        &self,
        account: &AccountId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Option<u64> {
        self.cards.get(account)?.list.cut(device, conversation).map(|seen| seen.seq)
    }

    /// Forgets the card of an account (a stranger's, when there are too many).
    pub fn forget(&mut self, account: &AccountId) {
        self.cards.remove(account);
        self.devices.retain(|_, owner| owner != account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use anser_proto::Keypair;
    use anser_proto::certificate::Revocation;

    fn identity(seed: u8) -> Identity {
        let (account, device) =
            (Keypair::from_secret(&[seed; 32]), Keypair::from_secret(&[seed + 100; 32]));
        Identity::create(account, device, "desk".into(), 1)
    }

    fn learn(directory: &mut Directory, signed: Signed) -> CardNews {
        directory.learn_card(Card::open(&signed).unwrap(), signed)
    }

    #[test]
    fn the_newer_card_and_list_win_whatever_the_order() {
        let mut alice = identity(1);
        let first = alice.card(1, "Alice".into(), None, None, vec![]);
        alice.add_device(DeviceId([9; 32]), "laptop".into(), 2);
        let second = alice.card(2, "Alice B.".into(), None, None, vec![]);

        let mut directory = Directory::default();
        assert_eq!(learn(&mut directory, second.clone()), CardNews::Devices);
        assert_eq!(learn(&mut directory, first), CardNews::Nothing);
        assert_eq!(learn(&mut directory, second), CardNews::Nothing);
        assert_eq!(directory.card(&alice.account()).unwrap().name, "Alice B.");
        assert_eq!(directory.devices_of(&alice.account()).len(), 2);
    }

    #[test]
    fn a_revoked_device_stays_revoked_whichever_list_comes_later() {
        let mut alice = identity(1);
        let phone = DeviceId([9; 32]);
        alice.add_device(phone, "phone".into(), 2);
        let first = alice.card(1, "Alice".into(), None, None, vec![]);
        let mut other = alice.clone();
        alice.revoke(Revocation { device: phone, cuts: vec![] });
        let revoking = alice.card(2, "Alice".into(), None, None, vec![]);
        for number in 0..3 {
            other.add_device(DeviceId([20 + number; 32]), "x".into(), 3);
        }
        let later = other.card(3, "Alice".into(), None, None, vec![]);

        for order in [[&first, &revoking, &later], [&first, &later, &revoking]] {
            let mut directory = Directory::default();
            for card in order {
                learn(&mut directory, card.clone());
            }
            assert!(!directory.devices_of(&alice.account()).contains(&phone));
            assert!(directory.cut(&alice.account(), &phone, &ConversationId([0; 32])).is_some());
        }
    }

    #[test]
    fn a_device_never_changes_its_account() {
        let (alice, mut mallory) = (identity(1), identity(2));
        let mut directory = Directory::default();
        learn(&mut directory, alice.card(1, "Alice".into(), None, None, vec![]));
        mallory.add_device(alice.device(), "stolen".into(), 2);
        learn(&mut directory, mallory.card(1, "Mallory".into(), None, None, vec![]));
        assert_eq!(directory.account_of(&alice.device()), Some(alice.account()));
    }
}
