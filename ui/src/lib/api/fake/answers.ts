/** The made-up node's answer to each method. It keeps the promises of the real one: errors have codes, lists pages. */
import type {
  AppStatus,
  Check,
  Contact,
  Conversation,
  Delivery,
  Device,
  Message,
  Peer,
} from '$lib/api/generated';
import { ApiError, type Method, type Params, type Result } from '../client';
import { statusOf, type Emit } from './index';
import type { Album } from './album';
import type { Desk } from './desk';
import type { Office } from './office';
import { dice, fakeId, member, quote, say, startConversation, type World } from './world';

export interface Scene {
  world: World;
  office: Office;
  desk: Desk;
  album: Album;
  devices: Device[];
  /** How long a code for a new device is good. */
  codeMs: number;
  emit: Emit;
  revision(): number;
  status: AppStatus;
}

type Answers = { [M in Method]: (scene: Scene, params: Params<M>) => Result<M> | Promise<Result<M>> };

function conversationOf(scene: Scene, id: string): Conversation {
  const found = scene.world.conversations.get(id);
  if (!found) throw new ApiError('not_found', 'There is no such conversation.');
  return found;
}

function messageOf(scene: Scene, id: string): Message {
  for (const log of scene.world.messages.values()) {
    const found = log.find((message) => message.message === id);
    if (found) return found;
  }
  throw new ApiError('not_found', 'There is no such message.');
}

function peersOf(scene: Scene, account: string): Peer[] {
  return [...scene.world.peers.values()].filter((peer) => peer.account === account);
}

function changed(scene: Scene, conversation: Conversation): Conversation {
  scene.emit({ type: 'conversation.changed', conversation });
  return conversation;
}

function rewritten(scene: Scene, message: Message): Message {
  scene.emit({ type: 'message.changed', message });
  return message;
}

/** Changes what we think of somebody, and tells. */
function regarded(scene: Scene, account: string, regard: Partial<Peer>): Contact {
  for (const peer of peersOf(scene, account)) {
    scene.emit({ type: 'peer.changed', peer: Object.assign(peer, regard) });
  }
  for (const conversation of scene.world.conversations.values()) {
    const found = conversation.members.find((each) => each.account === account);
    if (!found || !regard.trust) continue;
    found.trust = regard.trust;
    changed(scene, conversation);
  }
  return contact(scene, account);
}

function contact(scene: Scene, account: string): Contact {
  const [peer] = peersOf(scene, account);
  if (!peer) throw new ApiError('not_found', 'There is no person with this id.');
  const { name, status, avatar, trust, relation, online, presence, last_seen_ms } = peer;
  const safety_number = safetyNumber(account);
  return { account, name, status, avatar, trust, relation, online, presence, safety_number, last_seen_ms };
}

export function devicesOf(world: World): Device[] {
  const created_ms = Date.now() - 40 * 86_400_000;
  return [
    { device: world.account.device, label: 'robin-desktop', created_ms, current: true, online: true },
    { device: 'laptop', label: 'robin-laptop', created_ms, current: false, online: false },
  ];
}

function safetyNumber(account: string): string {
  const roll = dice(account.length + (account.codePointAt(3) ?? 0));
  return Array.from({ length: 12 }, () => String(Math.floor(roll() * 100_000)).padStart(5, '0')).join(' ');
}

function deliveries(scene: Scene, message: Message): Delivery[] {
  const conversation = conversationOf(scene, message.conversation);
  return conversation.members
    .filter((each) => each.account !== scene.world.account.account)
    .map(({ account, name }, index) => {
      const away = !peersOf(scene, account).some((peer) => peer.online);
      const state = away ? 'waiting' : index === 0 ? message.state : 'delivered';
      if (state !== 'waiting') {
        return { account, name, state, reason: null, at_ms: message.sent_ms + 900 };
      }
      const last_seen_ms = peersOf(scene, account)[0]?.last_seen_ms ?? null;
      const reason = away
        ? { code: 'offline' as const, message: 'Offline.', last_seen_ms }
        : { code: 'sending' as const, message: 'Sending.', last_seen_ms: null };
      return { account, name, state, reason, at_ms: null };
    });
}

function checks(heard: number): Check[] {
  return [
    {
      id: 'store',
      state: 'ok',
      case: 'sealed',
      values: { protection: 'keyring' },
      what: 'Messages are sealed; their key is kept by the keyring.',
      advice: '',
    },
    {
      id: 'listeners',
      state: 'ok',
      case: 'all',
      values: { addresses: '/ip4/192.168.1.24/tcp/41641', more: '1' },
      what: 'Listens on /ip4/192.168.1.24/tcp/41641 and 1 more.',
      advice: '',
    },
    {
      id: 'multicast',
      state: heard > 0 ? 'ok' : 'warning',
      case: heard > 0 ? 'heard' : 'nobody',
      values: { heard: String(heard), sent: '5', failures: '0', errors: '' },
      what: `${heard} announcements of other devices were heard, 5 were sent.`,
      advice: heard > 0 ? '' : 'Allow UDP port 5353 in the firewalls.',
    },
  ];
}

export const answers: Answers = {
  'app.status': (scene) => scene.status,
  'app.unlock': (scene, { passphrase }) => {
    if (passphrase.length < 4) throw new ApiError('passphrase', 'That is not the passphrase.');
    return (scene.status = statusOf('ready'));
  },
  'app.retry': (scene) => scene.status,
  'account.get': ({ world, status }) => {
    if (status.state !== 'ready') throw new ApiError('no_account', 'There is no account yet.');
    return world.account;
  },
  'account.create': (scene, { name }) => {
    scene.world.account.name = name;
    scene.status = statusOf('ready');
    return scene.world.account;
  },
  'account.update': (scene, { avatar, ...patch }) => {
    const { account } = scene.world;
    Object.assign(account, patch, avatar === undefined ? {} : { avatar: scene.album.take(avatar) });
    scene.emit({ type: 'account.changed', account });
    return account;
  },
  'account.export': async ({ world, desk }, { path, overwrite }) => {
    if (path.includes('exists') && !overwrite) {
      throw new ApiError('already_exists', 'There is a file with this name.');
    }
    const size_bytes = await desk.backup('export', path);
    const events = [...world.messages.values()].flat().length;
    return { path: `/home/robin/${path}`, size_bytes, conversations: world.conversations.size, events };
  },
  'account.import': async (scene, { path, passphrase }) => {
    if (path.includes('missing')) throw new ApiError('not_found', 'There is no such file.');
    if (passphrase.length < 8) throw new ApiError('passphrase', 'That is not the passphrase.');
    await scene.desk.backup('import', path);
    scene.status = statusOf('ready');
    return scene.world.account;
  },
  'device.link_start': (scene) => {
    const code = `anser:link/${fakeId('code', scene.revision())}${fakeId('secret', scene.revision())}`;
    scene.office.link(scene);
    return { code, expires_ms: Date.now() + scene.codeMs };
  },
  'device.link_cancel': () => ({}),
  'device.link_accept': (scene, { code }) => {
    if (!code.startsWith('anser:link/')) throw new ApiError('invalid_argument', 'That is not a code.');
    const device = {
      device: code,
      label: 'robin-tablet',
      created_ms: Date.now(),
      current: false,
      online: true,
    };
    scene.devices.push(device);
    scene.emit({ type: 'devices.changed', devices: scene.devices });
    return device;
  },
  'device.list': ({ devices }) => ({ devices }),
  'device.revoke': (scene, { device }) => {
    scene.devices = scene.devices.filter((each) => each.device !== device);
    return { devices: scene.devices };
  },
  'picture.get': ({ album }, { picture }) => album.get(picture),
  'invite.create': (_, { conversation = '' }) => ({
    link: `anser:invite/${fakeId('invite', conversation.length + 1)}${fakeId('key', 1)}`,
    expires_ms: Date.now() + 7 * 86_400_000,
  }),
  'invite.accept': (scene, { link }) => {
    if (!link.startsWith('anser:invite/')) throw new ApiError('invalid_argument', 'That is no invitation.');
    if (link.endsWith('away')) return null;
    const [first] = scene.world.peers.values();
    const accounts = first ? [first.account] : [];
    return changed(scene, startConversation(scene.world, 'group', 'Workshop', accounts));
  },
  'file.add': ({ desk }, params) => desk.add(params),
  'file.write': ({ desk }, params) => desk.write(params),
  'file.send': ({ desk }, { path }) => desk.add({ path }),
  'file.fetch': ({ desk }, params) => desk.fetch(params),
  'file.save': ({ desk }, params) => desk.save(params),
  'file.read': ({ desk }, params) => desk.read(params),
  'file.cancel': ({ desk }, { transfer }) => desk.cancel(transfer),
  'file.list': ({ desk }, params) => desk.list(params),
  'presence.set': ({ world }, { status }) => Object.assign(world.account, { presence: status }),
  'peer.list': ({ world }) => ({ peers: [...world.peers.values()] }),
  'peer.dial': () => {
    throw new ApiError('unreachable', 'Nobody answers at this address.');
  },
  'contact.add': (scene, { card }) => {
    const account = card.slice('anser:'.length);
    if (peersOf(scene, account).length === 0) {
      throw new ApiError('invalid_argument', 'That is not an anser: link.');
    }
    return contact(scene, account);
  },
  'contact.list': (scene) => ({
    contacts: [...scene.world.peers.values()].map((peer) => contact(scene, peer.account)),
    more: false,
  }),
  'contact.get': (scene, { account }) => contact(scene, account),
  'contact.block': (scene, { account, blocked }) =>
    regarded(scene, account, { relation: blocked === false ? 'contact' : 'blocked' }),
  'contact.verify': (scene, { account }) => regarded(scene, account, { trust: 'verified' }),
  'conversation.direct': (scene, { account }) =>
    changed(scene, startConversation(scene.world, 'direct', '', [account])),
  'conversation.create': (scene, { title, members }) =>
    changed(scene, startConversation(scene.world, 'group', title, members)),
  'conversation.list': ({ world }) => ({ conversations: [...world.conversations.values()], more: false }),
  'conversation.get': (scene, { conversation }) => conversationOf(scene, conversation),
  'conversation.accept': (scene, { conversation }) =>
    changed(scene, Object.assign(conversationOf(scene, conversation), { request: false })),
  'conversation.decline': (scene, { conversation }) => {
    scene.world.conversations.delete(conversation);
    scene.emit({ type: 'conversation.removed', conversation });
    return {};
  },
  'conversation.add': (scene, { conversation, accounts }) => {
    const found = conversationOf(scene, conversation);
    for (const account of accounts) {
      found.members.push(...peersOf(scene, account).map((peer) => member(peer, 'member')));
    }
    return changed(scene, found);
  },
  'conversation.remove': (scene, { conversation, account }) => {
    const found = conversationOf(scene, conversation);
    found.members = found.members.filter((each) => each.account !== account);
    return changed(scene, found);
  },
  'conversation.role': (scene, { conversation, account, role }) => {
    const found = conversationOf(scene, conversation);
    for (const each of found.members) if (each.account === account) each.role = role;
    return changed(scene, found);
  },
  'conversation.leave': (scene, { conversation }) => {
    const found = conversationOf(scene, conversation);
    found.writable = false;
    return changed(scene, found);
  },
  'conversation.update': (scene, { conversation, avatar, ...patch }) => {
    const picture = avatar === undefined ? {} : { avatar: scene.album.take(avatar) };
    return changed(scene, Object.assign(conversationOf(scene, conversation), patch, picture));
  },
  'message.send': (scene, { conversation, text, reply_to, attachments = [] }) => {
    const found = conversationOf(scene, conversation);
    const answered = reply_to ? { reply_to: quote(messageOf(scene, reply_to)) } : {};
    const files = scene.desk.attachments(attachments);
    const extra = { state: 'waiting' as const, attachments: files, ...answered };
    const message = say(scene.world, found, scene.world.account, text, Date.now(), extra);
    scene.emit({ type: 'message.added', message });
    changed(scene, found);
    scene.office.carry(found, message);
    return message;
  },
  'message.edit': (scene, { message, text }) =>
    rewritten(scene, Object.assign(messageOf(scene, message), { text, edited: true })),
  'message.delete': (scene, { message }) =>
    rewritten(scene, Object.assign(messageOf(scene, message), { text: '', deleted: true, attachments: [] })),
  'message.react': (scene, { message, emoji, on }) => {
    const found = messageOf(scene, message);
    const self = scene.world.account.account;
    const rest = found.reactions.map((each) =>
      each.emoji === emoji ? { emoji, accounts: each.accounts.filter((account) => account !== self) } : each,
    );
    if (on && !rest.some((each) => each.emoji === emoji)) rest.push({ emoji, accounts: [] });
    if (on) rest.find((each) => each.emoji === emoji)?.accounts.push(self);
    found.reactions = rest.filter((each) => each.accounts.length > 0);
    return rewritten(scene, found);
  },
  'message.list': (scene, { conversation, before, after, limit = 50 }) => {
    const log = scene.world.messages.get(conversation) ?? [];
    const at = log.findIndex(({ message, position }) => [message, position].includes(before ?? after ?? ''));
    if (after !== undefined) {
      return { messages: log.slice(at + 1, at + 1 + limit), more: at + 1 + limit < log.length };
    }
    const end = before === undefined ? log.length : at;
    return { messages: log.slice(Math.max(0, end - limit), end), more: end > limit };
  },
  'message.get': (scene, { message }) => {
    const found = messageOf(scene, message);
    return { ...found, delivery: deliveries(scene, found) };
  },
  'message.read': (scene, { conversation, up_to }) => {
    const found = conversationOf(scene, conversation);
    found.unread = 0;
    found.read_up_to = up_to;
    return changed(scene, found);
  },
  'message.search': (scene, { query, conversation, limit = 50, before = '0' }) => {
    const wanted = query.toLocaleLowerCase();
    const logs = [...scene.world.messages].filter(
      ([id]) => conversation === undefined || id === conversation,
    );
    const hits = logs
      .flatMap(([, log]) => log)
      .filter((message) => message.text.toLocaleLowerCase().includes(wanted))
      .sort((a, b) => b.sent_ms - a.sent_ms);
    const start = Number(before);
    const next = start + limit < hits.length ? String(start + limit) : null;
    return { hits: hits.slice(start, start + limit), next };
  },
  'typing.set': () => ({}),
  'relay.list': () => ({ relays: [] }),
  'settings.get': ({ world }) => world.settings,
  'settings.set': (scene, patch) => {
    Object.assign(scene.world.settings, patch);
    scene.emit({ type: 'settings.changed', settings: scene.world.settings });
    return scene.world.settings;
  },
  'doctor.run': (scene) => ({ checks: checks(scene.world.peers.size) }),
  'state.snapshot': (scene) => ({
    revision: scene.revision(),
    account: scene.world.account,
    peers: [...scene.world.peers.values()],
    conversations: [...scene.world.conversations.values()],
    settings: scene.world.settings,
    relays: [],
  }),
  'events.subscribe': (scene) => ({ revision: scene.revision() }),
};
