//! A person's keys on this device, and what is signed with them.

use anser_proto::certificate::{Certificate, DeviceList, Revocation};
use anser_proto::sign::{Keypair, Signed};
use anser_proto::{AccountId, Card, DeviceAddresses, DeviceId, PictureId};

use crate::merge;

/// What joining two lists brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Ours has everything.
    Same,
    /// Theirs had everything and is ours now.
    Taken,
    /// Both had something: a new one was made, which others must hear of.
    New,
}

/// The account key, this device's key and the account's device list.
#[derive(Clone, Debug)]
pub struct Identity {
    account: Keypair,
    device: Keypair,
    list: DeviceList,
    certificate: Signed,
}

impl Identity {
    /// A new account with this device as its first.
    pub fn create(account: Keypair, device: Keypair, label: String, wall_ms: u64) -> Self {
        let certificate = certify(&account, &DeviceId(device.public()), label, wall_ms);
        let list = DeviceList {
            account: AccountId(account.public()),
            version: 1,
            certificates: vec![certificate.clone()],
            revoked: vec![],
        };
        Self { account, device, list, certificate }
    }

    /// An account that another device or a backup handed over, with this device added to its list.
    pub fn join(
        account: Keypair,
        device: Keypair,
        list: DeviceList,
        label: String,
        wall_ms: u64,
    ) -> Self {
        let certificate = certify(&account, &DeviceId(device.public()), label, wall_ms);
        let mut joined = Self { account, device, list, certificate: certificate.clone() };
        joined.list.certificates.push(certificate);
        joined.list.version = joined.list.version.saturating_add(1);
        joined
    }

    /// The account as it was stored. A device that was taken out of the account is not in the
    /// list any more; it still knows the certificate it had. `None` when there is neither.
    pub fn restore(
        account: Keypair,
        device: Keypair,
        list: DeviceList,
        kept: Option<Signed>,
    ) -> Option<Self> {
        let id = DeviceId(device.public());
        let is_ours = |c: &Signed| Certificate::open(c).is_ok_and(|c| c.device == id);
        let listed = list.certificates.iter().find(|c| is_ours(c)).cloned();
        let certificate = listed.or(kept.filter(is_ours))?;
        Some(Self { account, device, list, certificate })
    }

    /// Whether this device was taken out of the account.
    pub fn is_revoked(&self) -> bool {
        let own = self.device();
        self.list.revoked.iter().any(|revocation| revocation.device == own)
    }

    /// Takes another device into the account; the list's version grows.
    pub fn add_device(&mut self, device: DeviceId, label: String, wall_ms: u64) {
        self.list.certificates.push(certify(&self.account, &device, label, wall_ms));
        self.list.version = self.list.version.saturating_add(1);
    }

    /// Takes a device out of the account; the list's version grows.
    pub fn revoke(&mut self, revocation: Revocation) {
        self.list.certificates.retain(|c| {
            Certificate::open(c).is_ok_and(|certificate| certificate.device != revocation.device)
        });
        self.list.revoked.push(revocation);
        self.list.version = self.list.version.saturating_add(1);
    }

    /// Joins the list that another device of this account has with ours: all certificates, all
    /// revocations; a device revoked by either stays so. Devices that join the same two lists get
    /// the same.
    pub fn merge(&mut self, other: &DeviceList) -> Merged {
        if other.account != self.account() {
            return Merged::Same;
        }
        let contents = merge::contents(&[&self.list, other]);
        let (ours, theirs) = (merge::contents(&[&self.list]), merge::contents(&[other]));
        if contents == ours && self.list.version >= other.version {
            return Merged::Same;
        }
        if contents == theirs && other.version > self.list.version {
            self.list = other.clone();
            return Merged::Taken;
        }
        self.list = DeviceList {
            account: self.account(),
            version: self.list.version.max(other.version).saturating_add(1),
            certificates: contents.certificates,
            revoked: contents.revoked,
        };
        Merged::New
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        AccountId(self.account.public())
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.device.public())
    }

    /// Signs as the account.
    pub fn account_key(&self) -> &Keypair {
        &self.account
    }

    /// Signs as this device.
    pub fn device_key(&self) -> &Keypair {
        &self.device
    }

    /// This device's certificate.
    pub fn certificate(&self) -> &Signed {
        &self.certificate
    }

    /// The device list.
    pub fn list(&self) -> &DeviceList {
        &self.list
    }

    /// A signed card.
    pub fn card(
        &self,
        version: u64,
        name: String,
        status: Option<String>,
        avatar: Option<PictureId>,
        addresses: Vec<DeviceAddresses>,
    ) -> Signed {
        Card {
            account: self.account(),
            version,
            name,
            status,
            avatar: avatar.map(|id| id.0.into()),
            devices: self.list.sign(&self.account),
            addresses,
            relays: None,
        }
        .sign(&self.account)
    }
}

fn certify(account: &Keypair, device: &DeviceId, label: String, wall_ms: u64) -> Signed {
    Certificate {
        account: AccountId(account.public()),
        device: *device,
        sealing: None,
        label,
        created_ms: wall_ms,
    }
    .sign(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(seed: u8) -> (Keypair, Keypair) {
        (Keypair::from_secret(&[1; 32]), Keypair::from_secret(&[seed; 32]))
    }

    fn two() -> (Identity, Identity) {
        let (account, desk) = keys(10);
        let mut first = Identity::create(account.clone(), desk, "desk".into(), 1);
        let (_, laptop) = keys(11);
        first.add_device(DeviceId(laptop.public()), "laptop".into(), 2);
        let second = Identity::restore(account, laptop, first.list().clone(), None).unwrap();
        (first, second)
    }

    fn revoke(identity: &mut Identity, device: u8) {
        identity.revoke(Revocation { device: DeviceId([device; 32]), cuts: vec![] });
    }

    #[test]
    fn lists_changed_on_both_sides_become_one_and_the_same() {
        let (mut first, mut second) = two();
        first.add_device(DeviceId([77; 32]), "phone".into(), 3);
        second.add_device(DeviceId([88; 32]), "tablet".into(), 3);
        revoke(&mut second, 99);
        let (a, b) = (first.list().clone(), second.list().clone());
        assert_eq!(first.merge(&b), Merged::New);
        assert_eq!(second.merge(&a), Merged::New);
        assert_eq!(first.list(), second.list());
        assert_eq!(first.list().certificates.len(), 4);
        assert!(first.list().version > a.version.max(b.version));
        let joined = second.list().clone();
        assert_eq!(first.merge(&joined), Merged::Same);
        assert_eq!(first.merge(&a), Merged::Same);
    }

    #[test]
    fn a_revocation_is_not_undone_by_an_older_or_newer_list_without_it() {
        let (mut first, mut second) = two();
        let laptop = second.device();
        let before = second.list().clone();
        first.revoke(Revocation { device: laptop, cuts: vec![] });
        assert_eq!(first.merge(&before), Merged::Same);
        for _ in 0..3 {
            second.add_device(DeviceId([77; 32]), "x".into(), 3);
        }
        assert_eq!(first.merge(second.list()), Merged::New);
        assert!(!first.list().certificates.iter().any(|c| {
            Certificate::open(c).is_ok_and(|certificate| certificate.device == laptop)
        }));
        assert_eq!(second.merge(first.list()), Merged::Taken);
        assert!(second.is_revoked());
        let (account, key) = keys(11);
        let kept = second.certificate().clone();
        let list = second.list().clone();
        assert!(Identity::restore(account.clone(), key.clone(), list.clone(), None).is_none());
        assert!(Identity::restore(account, key, list, Some(kept)).is_some());
    }
}
