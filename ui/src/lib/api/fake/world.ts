/** A made-up office, the same on each run: people, conversations and their messages at a chosen size. */
import type {
  Account,
  Conversation,
  DeliveryState,
  Member,
  Message,
  Peer,
  Quote,
  Settings,
  Transfer,
} from '$lib/api/generated';
import { pictureId } from './album';
import { layOut } from './files';
import { GIVEN, GROUPS, LINES, REPLIES, STATUSES } from './words';

export interface Size {
  people: number;
  messages: number;
  now: number;
}

export interface World {
  account: Account;
  peers: Map<string, Peer>;
  conversations: Map<string, Conversation>;
  messages: Map<string, Message[]>;
  settings: Settings;
  transfers: Map<string, Transfer>;
  /** What is in files, made when it is asked for. */
  contents: Map<string, () => Uint8Array<ArrayBuffer>>;
}

/** mulberry32: small, seeded, good enough for scenery. */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

export function fakeId(kind: string, number: number): string {
  const roll = dice(number * 7919 + kind.length * 104_729 + (kind.codePointAt(0) ?? 0));
  return Array.from({ length: 52 }, () => BASE32[Math.floor(roll() * 32)]).join('');
}

export function pick<T>(list: readonly T[], roll: () => number): T {
  return list[Math.floor(roll() * list.length)] as T;
}

const SELF = fakeId('account', 0);

export function makeWorld({ people, messages, now }: Size): World {
  const roll = dice(42);
  const account: Account = {
    account: SELF,
    device: fakeId('device', 0),
    name: 'Robin',
    status: null,
    avatar: null,
    presence: 'available',
    link: `anser:${fakeId('account', 0)}`,
    addresses: ['/ip4/192.168.1.24/udp/41641/quic-v1', '/ip4/192.168.1.24/tcp/41641'],
    relays: [],
  };
  const peers = Array.from({ length: people }, (_, index) => makePeer(index + 1, people, now, roll));
  const world: World = {
    account,
    peers: new Map(peers.map((peer) => [peer.device, peer])),
    conversations: new Map(),
    messages: new Map(),
    transfers: new Map(),
    contents: new Map(),
    settings: {
      notifications: true,
      notification_preview: true,
      close_to_tray: true,
      autostart: false,
      accept_requests: false,
      typing: true,
      read_receipts: true,
      fetch_limit_bytes: 10 * 1024 * 1024,
      theme: 'system',
      language: 'system',
    },
  };
  if (messages === 0) return world;

  const group = (title: string, size: number) => {
    const members = [member(account, 'owner'), ...peers.slice(0, size).map((peer) => member(peer, 'member'))];
    if (members[1]) members[1].role = 'admin';
    return addConversation(world, 'group', title, members);
  };
  const direct = (index: number) => {
    const peer = peers[index];
    return peer && addConversation(world, 'direct', '', [member(account, 'member'), member(peer, 'member')]);
  };

  const main = group(GROUPS[0] ?? '', Math.min(7, people));
  const notice = { what: 'added', accounts: peers.slice(2, 4).map((peer) => peer.account), value: null };
  if (messages > 1) say(world, main, account, '', now - messages * 400_000, { kind: 'notice', notice });
  fill(world, main, messages, now - 4 * 60_000, roll);
  GROUPS.slice(1).forEach((title, index) => {
    const conversation = group(title, Math.min(4 + index, people));
    const end = now - (index + 1) * 5 * 3_600_000;
    fill(world, conversation, 12, end, roll);
    if (index === 2) layOut(world, conversation, peers.slice(0, 5), end + 3_600_000);
  });
  for (let index = 0; index < Math.min(people, 12); index += 1) {
    const conversation = direct(index);
    if (conversation) fill(world, conversation, 3 + index, now - index * index * 2_700_000 - 600_000, roll);
  }
  const all = [...world.conversations.values()];
  for (const [index, conversation] of all.entries()) {
    if (index === 1) conversation.unread = 3;
    if (index === 4) conversation.unread = 1;
    if (index === 2) conversation.muted = true;
    if (index === all.length - 1) conversation.archived = true;
  }
  const stranger = peers.at(-1);
  if (stranger && people > 3) {
    stranger.relation = 'requested';
    const request = addConversation(world, 'direct', '', [
      member(account, 'member'),
      member(stranger, 'member'),
    ]);
    request.request = true;
    request.unread = 1;
    say(
      world,
      request,
      stranger,
      'Hi, I sit two desks over. May I ask you about the printer?',
      now - 900_000,
    );
  }
  return world;
}

function makePeer(number: number, people: number, now: number, roll: () => number): Peer {
  const given = GIVEN[(number - 1) % GIVEN.length] ?? 'Alex';
  const round = Math.floor((number - 1) / GIVEN.length);
  const online = number <= 2 || roll() < (people > 50 ? 0.3 : 0.6);
  return {
    account: fakeId('account', number),
    device: fakeId('device', number),
    name: round === 0 ? given : `${given} ${round + 1}`,
    status: number % 3 === 0 ? pick(STATUSES, roll) : null,
    avatar: pictureId(number),
    online,
    via: ['mdns'],
    addresses: [`/ip4/192.168.1.${number % 250}/udp/41641/quic-v1`],
    presence: !online ? 'offline' : number % 5 === 0 ? 'busy' : number % 7 === 0 ? 'away' : 'available',
    trust: number === 1 ? 'verified' : 'unverified',
    relation: number <= 12 ? 'contact' : 'stranger',
    last_seen_ms: online ? now : now - Math.floor(roll() * 6 * 86_400_000) - 300_000,
  };
}

export function member(person: Account | Peer, role: Member['role']): Member {
  const { account, name, avatar, presence } = person;
  const own = account === SELF;
  const trust = own ? 'own' : 'trust' in person ? person.trust : 'unverified';
  const online = own || ('online' in person && person.online);
  return { account, name, avatar, role, online, presence, trust };
}

function addConversation(
  world: World,
  kind: Conversation['kind'],
  title: string,
  members: Member[],
): Conversation {
  const conversation: Conversation = {
    conversation: fakeId('conversation', world.conversations.size + 1),
    kind,
    title,
    avatar: kind === 'direct' ? (members[1]?.avatar ?? null) : null,
    request: false,
    writable: true,
    role: members[0]?.role ?? 'member',
    active_ms: 0,
    members,
    unread: 0,
    read_up_to: null,
    last: null,
    muted: false,
    archived: false,
    draft: '',
    forked_devices: [],
  };
  world.conversations.set(conversation.conversation, conversation);
  world.messages.set(conversation.conversation, []);
  return conversation;
}

export function startConversation(
  world: World,
  kind: Conversation['kind'],
  title: string,
  accounts: string[],
) {
  const people = [...world.peers.values()].filter((peer) => accounts.includes(peer.account));
  const members = [member(world.account, 'owner'), ...people.map((peer) => member(peer, 'member'))];
  return addConversation(world, kind, title, members);
}

let said = 0;

export type Author = Pick<Peer, 'account' | 'device' | 'name'>;

export function say(
  world: World,
  conversation: Conversation,
  author: Author,
  text: string,
  at: number,
  extra: Partial<Message> = {},
): Message {
  said += 1;
  const message: Message = {
    message: fakeId('message', said),
    conversation: conversation.conversation,
    account: author.account,
    device: author.device,
    name: author.name,
    kind: 'text',
    own: author.account === SELF,
    position: String(said).padStart(12, '0'),
    text,
    sent_ms: at,
    received_ms: at,
    edited: false,
    deleted: false,
    reply_to: null,
    notice: null,
    reactions: [],
    attachments: [],
    state: 'delivered',
    ...extra,
  };
  world.messages.get(conversation.conversation)?.push(message);
  conversation.last = message;
  conversation.active_ms = at;
  return message;
}

export function quote({ message, account, text }: Message): Quote {
  return { message, account, text: text ? text.slice(0, 200) : null };
}

function fill(
  world: World,
  conversation: Conversation,
  count: number,
  end: number,
  roll: () => number,
): void {
  const others = [...world.peers.values()].filter((peer) =>
    conversation.members.some((each) => each.account === peer.account),
  );
  let at = end - count * 380_000;
  let author: Author = pick(others, roll);
  for (let index = 0; index < count; index += 1) {
    if (count > 5 && (index === count - 4 || index === count - 2)) author = world.account;
    else if (roll() < 0.45) author = roll() < 0.35 ? world.account : pick(others, roll);
    at += 20_000 + Math.floor(roll() * 720_000);
    const own = author.account === SELF;
    const left = count - index;
    const state: DeliveryState = own
      ? left <= 2
        ? 'waiting'
        : left <= 6
          ? 'delivered'
          : 'read'
      : 'delivered';
    const earlier = world.messages.get(conversation.conversation) ?? [];
    const extra: Partial<Message> = { state };
    const answered = roll() < 0.08 && index > 3 ? earlier[index - 1 - Math.floor(roll() * 3)] : undefined;
    if (answered) extra.reply_to = quote(answered);
    if (roll() < 0.05) extra.edited = true;
    if (roll() < 0.02) Object.assign(extra, { deleted: true, text: '' });
    if (roll() < 0.1) {
      extra.reactions = [
        { emoji: pick(['👍', '🎉', '❤️', '😄', '👀'], roll), accounts: [pick(others, roll).account] },
      ];
      if (roll() < 0.4) extra.reactions[0]?.accounts.push(SELF);
    }
    const text = extra.deleted ? '' : pick(extra.reply_to ? REPLIES : LINES, roll);
    say(world, conversation, author, text, Math.min(at, end), extra);
  }
}
