//! Joining device lists: a union in which revocations stand.
//!
//! Commutative, associative and idempotent, so that all who hold the same lists, in whatever order
//! they came, hold the same result.

use std::collections::BTreeMap;

use anser_proto::certificate::{Certificate, Cut, Revocation};
use anser_proto::sign::Signed;
use anser_proto::{ConversationId, DeviceId, DeviceList};

/// What lists say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Certificates of devices that no list revokes, ascending by device.
    pub(crate) certificates: Vec<Signed>,
    /// Revocations, ascending by device.
    pub(crate) revoked: Vec<Revocation>,
}

/// The union of `lists`.
pub(crate) fn contents(lists: &[&DeviceList]) -> Contents {
    let revoked = revocations(lists.iter().map(|list| list.revoked.as_slice()));
    let mut certificates: BTreeMap<DeviceId, &Signed> = BTreeMap::new();
    for signed in lists.iter().flat_map(|list| &list.certificates) {
        let Ok(certificate) = Certificate::open(signed) else { continue };
        if revoked.iter().any(|r| r.device == certificate.device) {
            continue;
        }
        let kept = certificates.entry(certificate.device).or_insert(signed);
        if *signed.bytes < *kept.bytes {
            *kept = signed;
        }
    }
    Contents { certificates: certificates.into_values().cloned().collect(), revoked }
}

/// The union of revocations. What either list accepted of a device counts.
pub(crate) fn revocations<'a>(lists: impl Iterator<Item = &'a [Revocation]>) -> Vec<Revocation> {
    let mut all: BTreeMap<DeviceId, BTreeMap<ConversationId, u64>> = BTreeMap::new();
    for revocation in lists.flatten() {
        let cuts = all.entry(revocation.device).or_default();
        for cut in &revocation.cuts {
            let seq = cuts.entry(cut.conversation).or_default();
            *seq = (*seq).max(cut.seq);
        }
    }
    all.into_iter()
        .map(|(device, cuts)| Revocation {
            device,
            cuts: cuts.into_iter().map(|(conversation, seq)| Cut { conversation, seq }).collect(),
        })
        .collect()
}
