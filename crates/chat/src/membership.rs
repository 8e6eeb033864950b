//! Who is in a group, with which role, and what it is called.

use std::collections::BTreeMap;

use anser_proto::{AccountId, Position, Role, limits};

use crate::authority::Deed;

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The role.
    pub role: Role,
    /// Where in the conversation this membership began.
    pub since: Position,
}

/// A group's membership as some set of events makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The members, with the roles they were given.
    pub(crate) members: BTreeMap<AccountId, Member>,
    /// Who acts as owner while nobody was given that role.
    heir: Option<AccountId>,
    /// The title.
    pub title: String,
    /// BLAKE3 of the picture.
    pub avatar: Option<[u8; 32]>,
    /// Whether newcomers may read what was said before.
    pub history: bool,
}

impl Membership {
    /// The role of an account; `None` when it is no member.
    pub fn role(&self, account: &AccountId) -> Option<Role> {
        let member = self.members.get(account)?;
        Some(if self.heir == Some(*account) { Role::Owner } else { member.role })
    }

    /// Whether an account is a member.
    pub fn contains(&self, account: &AccountId) -> bool {
        self.members.contains_key(account)
    }

    /// The members with their roles, ascending by account.
    pub fn members(&self) -> impl Iterator<Item = (AccountId, Member)> + '_ {
        self.members.iter().map(|(account, member)| {
            let role = self.role(account).unwrap_or(member.role);
            (*account, Member { role, since: member.since })
        })
    }

    /// Whether `actor` may do `deed` in this state.
    ///
    /// Admins and owners add, rename, and remove whom they do not rank below. Owners give any
    /// role; admins make members admins. Everybody may leave or step down.
    pub fn permits(&self, actor: &AccountId, deed: &Deed) -> bool {
        let Some(role) = self.role(actor) else { return false };
        match deed {
            Deed::Found { .. } => false,
            Deed::Add(accounts) => {
                let newcomers =
                    accounts.iter().filter(|account| !self.members.contains_key(account)).count();
                role >= Role::Admin
                    && self.members.len().saturating_add(newcomers) <= limits::MEMBERS
            }
            Deed::Remove { account, .. } => {
                account != actor
                    && role >= Role::Admin
                    && self.role(account).is_some_and(|target| target <= role)
            }
            Deed::Leave => true,
            Deed::Role { account, role: given } => {
                let Some(target) = self.role(account) else { return false };
                role == Role::Owner
                    || (account == actor && *given <= role)
                    || (role == Role::Admin && target == Role::Member && *given <= Role::Admin)
            }
            Deed::Title(_) | Deed::Avatar(_) => role >= Role::Admin,
            Deed::Unknown => false,
        }
    }

    /// Applies a deed whose author has seen everything that made this state.
    pub(crate) fn apply(&mut self, actor: AccountId, deed: &Deed, at: Position) {
        match deed {
            Deed::Found { title, members, history } => {
                self.title.clone_from(title);
                self.history = *history;
                for account in members {
                    self.members.insert(*account, Member { role: Role::Member, since: at });
                }
                self.members.insert(actor, Member { role: Role::Owner, since: at });
            }
            Deed::Add(accounts) => {
                for account in accounts {
                    self.members
                        .entry(*account)
                        .or_insert(Member { role: Role::Member, since: at });
                }
            }
            Deed::Remove { account, .. } => {
                self.members.remove(account);
            }
            Deed::Leave => {
                self.members.remove(&actor);
            }
            Deed::Role { account, role } => {
                if let Some(member) = self.members.get_mut(account) {
                    member.role = *role;
                }
            }
            Deed::Title(title) => self.title.clone_from(title),
            Deed::Avatar(hash) => self.avatar = *hash,
            Deed::Unknown => {}
        }
        self.heir();
    }

    /// A group is never without an owner: while nobody has that role, the longest-standing admin,
    /// else member, acts as one.
    pub(crate) fn heir(&mut self) {
        let owned = self.members.values().any(|member| member.role == Role::Owner);
        self.heir = self
            .members
            .iter()
            .filter(|_| !owned)
            .min_by_key(|(account, member)| {
                (std::cmp::Reverse(member.role), member.since, **account)
            })
            .map(|(account, _)| *account);
    }
}
