//! From a command to what it does.

use anser_api::model::{Peers, Subscribed};
use anser_api::{ApiError, Command, ErrorCode, Reply};
use anser_store::Store;

use crate::node::{Answer, Node};
use crate::write::no_account;

impl<S: Store> Node<S> {
    /// The answer to a command; `None` where it comes later, when the disk has answered.
    pub(crate) fn answer(&mut self, id: u64, command: Command) -> Option<Answer> {
        match command {
            Command::FileWrite(params) => self.file_write(id, &params),
            Command::FileRead(params) => self.file_read(id, &params),
            command => Some(self.command(command)),
        }
    }

    fn command(&mut self, command: Command) -> Answer {
        match command {
            Command::AccountCreate(params) => self.account_create(params),
            Command::AccountGet(_) => {
                self.own_account().ok_or_else(no_account)?;
                let account = self.account_view().map_err(|e| self.fail_command(e))?;
                Ok(Reply::AccountGet(Box::new(account)))
            }
            Command::AccountUpdate(params) => self.account_update(params),
            Command::DeviceList(_) => Ok(Reply::DeviceList(Box::new(self.devices_view()))),
            Command::DeviceLinkStart(params) => self.link_start(params),
            Command::DeviceLinkCancel(_) => self.link_cancel(),
            Command::InviteCreate(params) => self.invite_create(&params),
            Command::PictureGet(params) => self.picture_get(&params),
            Command::DeviceRevoke(params) => self.device_revoke(params),
            Command::PeerList(_) => {
                Ok(Reply::PeerList(Box::new(Peers { peers: self.peers_view() })))
            }
            Command::ContactAdd(params) => self.contact_add(params),
            Command::ContactList(page) => self.contact_list(page),
            Command::ContactGet(params) => {
                let account = self.known_account(&params.account)?;
                Ok(Reply::ContactGet(Box::new(self.contact_view(&account))))
            }
            Command::ContactBlock(params) => self.contact_block(params),
            Command::ContactVerify(params) => self.contact_verify(params),
            Command::ConversationDirect(params) => self.conversation_direct(params),
            Command::ConversationCreate(params) => self.conversation_create(params),
            Command::ConversationList(page) => self.conversation_list(page),
            Command::ConversationGet(params) => {
                let id = self.room_id(&params.conversation)?;
                Ok(Reply::ConversationGet(self.view_or_missing(&id)?))
            }
            Command::ConversationAdd(params) => self.conversation_add(params),
            Command::ConversationRemove(params) => self.conversation_remove(params),
            Command::ConversationRole(params) => self.conversation_role(params),
            Command::ConversationLeave(params) => self.conversation_leave(params),
            Command::ConversationUpdate(params) => self.conversation_update(params),
            Command::ConversationAccept(params) => self.conversation_accept(params),
            Command::ConversationDecline(params) => self.conversation_decline(params),
            Command::MessageSend(params) => self.message_send(params),
            Command::MessageEdit(params) => self.message_edit(params),
            Command::MessageDelete(params) => self.message_delete(params),
            Command::MessageReact(params) => self.message_react(params),
            Command::MessageList(params) => self.message_list(params),
            Command::MessageGet(params) => self.message_get(params),
            Command::MessageRead(params) => self.message_read(params),
            Command::MessageSearch(params) => self.message_search(params),
            Command::FileAdd(params) => self.file_add(params),
            Command::FileSend(params) => self.file_send(params),
            Command::FileFetch(params) => self.file_fetch(params),
            Command::FileSave(params) => self.file_save(params),
            Command::FileCancel(params) => self.file_cancel(params),
            Command::FileList(params) => self.file_list(params),
            Command::TypingSet(params) => self.typing_set(params),
            Command::PresenceSet(params) => self.presence_set(params),
            Command::RelayList(_) => Ok(Reply::RelayList(Box::new(self.relays_view()))),
            Command::SettingsGet(_) => Ok(Reply::SettingsGet(Box::new(self.settings.clone()))),
            Command::SettingsSet(params) => self.settings_set(params),
            Command::StateSnapshot(_) => {
                let snapshot = self.snapshot().map_err(|e| self.fail_command(e))?;
                Ok(Reply::StateSnapshot(Box::new(snapshot)))
            }
            Command::EventsSubscribe(_) => {
                let subscribed = Subscribed { revision: self.revision };
                Ok(Reply::EventsSubscribe(Box::new(subscribed)))
            }
            Command::FileWrite(_) | Command::FileRead(_) => {
                Err(ApiError::new(ErrorCode::Internal, "This is answered by the disk."))
            }
            Command::AccountExport(_)
            | Command::AccountImport(_)
            | Command::AppStatus(_)
            | Command::AppUnlock(_)
            | Command::AppRetry(_)
            | Command::DeviceLinkAccept(_)
            | Command::InviteAccept(_)
            | Command::PeerDial(_)
            | Command::DoctorRun(_) => Err(ApiError::new(
                ErrorCode::Unsupported,
                "This is answered by the program around the node.",
            )),
        }
    }
}
