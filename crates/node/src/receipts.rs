//! Receipts: saying what is held and read here, hearing what is elsewhere.

use anser_proto::frame::Receipts as ReceiptsFrame;
use anser_proto::{AccountId, ConversationId, DeviceId, Receipt, Seen, limits};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::node::{Node, Timer};
use crate::records::{DeliveredRecord, key_conversation, key_pair};

impl<S: Store> Node<S> {
    /// Makes and sends this device's receipt.
    pub(crate) fn send_receipt(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let Some(profile) = &self.profile else { return Ok(()) };
        let (own, device) = (profile.identity.account(), profile.identity.device());
        let read_receipts = self.settings.read_receipts;
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        if !room.record.accepted && room.record.other.is_none() {
            return Ok(());
        }
        let mut logs: Vec<_> =
            room.chat.logs().map(|(device, log)| (log.lamport, *device)).collect();
        logs.sort_unstable_by(|a, b| b.cmp(a));
        let delivered: Vec<_> = logs
            .into_iter()
            .filter(|(_, log)| *log != device)
            .map(|(_, log)| Seen { device: log, seq: room.chat.held(&log) })
            .filter(|seen| seen.seq > 0)
            .take(limits::RECEIPT_ENTRIES)
            .collect();
        room.record.receipt = room.record.receipt.saturating_add(1);
        let receipt = Receipt {
            conversation: id,
            device,
            counter: room.record.receipt,
            delivered,
            read: room.record.read.filter(|_| read_receipts && room.record.accepted),
            certificate: profile.identity.certificate().clone(),
        };
        let signed = receipt.sign(profile.identity.device_key());
        room.chat.receipts.merge(own, &receipt, signed.clone());
        let (number, record) = (room.number, room.record.clone());
        let members = room.chat.members();
        let mut batch = Batch::new();
        let device_number = match self.numbers.devices.get(&device) {
            Some(number) => *number,
            None => self.number(device, &mut batch),
        };
        disk::put(&mut batch, Table::Receipts, &key_pair(number, device_number), &signed);
        disk::put(&mut batch, Table::Conversations, &key_conversation(number), &record);
        self.commit(batch)?;
        let devices: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.account.is_some_and(|account| members.contains(&account)))
            .map(|(device, _)| *device)
            .collect();
        for device in devices {
            let receipts = vec![signed.clone()];
            self.send(device, ReceiptsFrame { conversation: id, receipts });
        }
        Ok(())
    }

    pub(crate) fn receipts_frame(
        &mut self,
        from: DeviceId,
        frame: ReceiptsFrame,
    ) -> Result<(), StoreError> {
        let id = frame.conversation;
        for signed in frame.receipts {
            let Some(room) = self.rooms.get(&id) else { return Ok(()) };
            let Ok(peek) = Receipt::peek(&signed) else {
                self.counters.bad_frames = self.counters.bad_frames.saturating_add(1);
                self.mischief(from);
                return Ok(());
            };
            if peek.conversation != id || peek.counter <= room.chat.receipts.counter(&peek.device) {
                continue;
            }
            let Ok((receipt, certificate)) = Receipt::open(&signed) else {
                self.counters.bad_frames = self.counters.bad_frames.saturating_add(1);
                self.mischief(from);
                return Ok(());
            };
            let account = certificate.account;
            if !room.chat.was_member(&account) || !self.directory.learn(&certificate) {
                continue;
            }
            let mut batch = Batch::new();
            let number = match self.numbers.devices.get(&receipt.device) {
                Some(number) => *number,
                None => self.number(receipt.device, &mut batch),
            };
            let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
            let before = room.chat.receipts.read(&account);
            room.chat.receipts.merge(account, &receipt, signed.clone());
            let read_more = room.chat.receipts.read(&account) != before;
            disk::put(&mut batch, Table::Receipts, &key_pair(room.number, number), &signed);
            self.commit(batch)?;
            self.delivered(id, account, &receipt.delivered)?;
            if receipt.device == self.device() {
                self.catch_up_receipt(id, &receipt);
            }
            if Some(account) == self.own_account() {
                self.read_elsewhere(id, receipt.read)?;
            } else if read_more {
                self.receipt_changed(id, account);
            }
            self.after(1_000, Timer::Gossip(id));
        }
        Ok(())
    }

    /// Our own receipt came back with a higher counter than we remember: go on from there.
    fn catch_up_receipt(&mut self, id: ConversationId, receipt: &Receipt) {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.record.receipt = room.record.receipt.max(receipt.counter);
        }
        self.after(300, Timer::Receipt(id));
    }

    /// Notes how much of our logs a device of `account` holds.
    pub(crate) fn delivered(
        &mut self,
        id: ConversationId,
        account: AccountId,
        seen: &[Seen],
    ) -> Result<(), StoreError> {
        let own = self.own_account();
        if Some(account) == own {
            return Ok(());
        }
        let at_ms = self.now.wall_ms;
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let mut batch = Batch::new();
        for seen in seen {
            let ours = room.chat.log(&seen.device).is_some_and(|log| Some(log.account) == own);
            if !ours || seen.seq > room.chat.held(&seen.device) {
                continue;
            }
            if !room.chat.receipts.deliver(account, seen.device, seen.seq)
                && room.chat.receipts.delivered(&account, &seen.device) != seen.seq
            {
                continue;
            }
            let Some(device) = self.numbers.devices.get(&seen.device) else { continue };
            let mut key = key_pair(room.number, *device);
            key.extend_from_slice(&self.store.tag("account", &account.0));
            let record = DeliveredRecord { account, device: seen.device, seq: seen.seq, at_ms };
            let stored: Option<DeliveredRecord> = disk::read(&self.store, Table::Pending, &key)?;
            if stored.is_none_or(|stored| stored.seq < seen.seq) {
                disk::put(&mut batch, Table::Pending, &key, &record);
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.commit(batch)?;
        self.receipt_changed(id, account);
        Ok(())
    }

    pub(crate) fn receipt_changed(&mut self, id: ConversationId, account: AccountId) {
        self.dirty_receipts.insert((id, account));
    }
}
