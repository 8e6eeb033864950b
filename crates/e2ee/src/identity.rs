//! A person's keys on this device, and what is signed with them.

use anser_proto::certificate::{Certificate, DeviceList, Revocation};
use anser_proto::sign::{Keypair, Signed};
use anser_proto::{AccountId, Card, DeviceAddresses, DeviceId};

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

    /// The account as it was stored: `None` when this device is not in the list.
    pub fn restore(account: Keypair, device: Keypair, list: DeviceList) -> Option<Self> {
        let id = DeviceId(device.public());
        let certificate = list
            .certificates
            .iter()
            .find(|c| Certificate::open(c).is_ok_and(|c| c.device == id))?
            .clone();
        Some(Self { account, device, list, certificate })
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

    /// Takes a newer list of this account that another of its devices signed.
    pub fn adopt(&mut self, list: DeviceList) {
        if list.account == self.account() && list.version > self.list.version {
            self.list = list;
        }
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
        addresses: Vec<DeviceAddresses>,
    ) -> Signed {
        Card {
            account: self.account(),
            version,
            name,
            status,
            avatar: None,
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
