import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Peer, Snapshot } from '$lib/api/generated';
import { conversation, memory, scripted } from '../../testing';
import { Conversations } from './conversations.svelte';
import { Drafts } from './drafts.svelte';
import { People } from './people.svelte';
import { Prefs } from './prefs.svelte';
import { Typing } from './typing.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const peer = (name: string, extra: Partial<Peer> = {}): Peer => ({
  account: name,
  device: `${name}-1`,
  name,
  status: null,
  avatar: null,
  online: false,
  presence: 'available',
  via: ['mdns'],
  addresses: [],
  trust: 'unverified',
  relation: 'stranger',
  last_seen_ms: 0,
  ...extra,
});

describe('drafts', () => {
  const setUp = () => {
    const client = scripted({ 'conversation.update': () => conversation() });
    const storage = memory();
    return { client, storage, drafts: new Drafts(client, storage) };
  };

  it('are on this machine at once, and with the node after a pause, once', async () => {
    const { client, storage, drafts } = setUp();
    drafts.set('c', 'h');
    drafts.set('c', 'he');
    expect(storage.getItem('anser.draft.c')).toBe('he');
    expect(client.calls).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.calls).toEqual([
      { method: 'conversation.update', params: { conversation: 'c', draft: 'he' } },
    ]);
    expect(storage.getItem('anser.draft.c')).toBeNull();
  });

  it('come back after a crash, before the node heard of them', () => {
    const { client, storage, drafts } = setUp();
    drafts.set('c', 'unsent');
    const after = new Drafts(client, storage);
    expect(after.get(conversation({ draft: 'older' }))).toBe('unsent');
  });

  it('stay on this machine when the node cannot take them', async () => {
    const storage = memory();
    const drafts = new Drafts(scripted({}), storage);
    drafts.set('c', 'kept');
    await drafts.flush('c');
    expect(storage.getItem('anser.draft.c')).toBe('kept');
  });
});

describe('people', () => {
  it('folds devices into persons, online first, without oneself and the blocked', () => {
    const people = new People();
    people.replace([
      peer('bob'),
      peer('carol', { online: true }),
      peer('me', { trust: 'own', online: true }),
      peer('eve', { relation: 'blocked' }),
      peer('bob', { device: 'bob-2', last_seen_ms: 9 }),
    ]);
    expect(people.visible.map((person) => person.name)).toEqual(['carol', 'bob']);
    expect(people.get('bob')?.lastSeenMs).toBe(9);
    expect(people.blocked.map((person) => person.name)).toEqual(['eve']);
    people.apply({ revision: 1, type: 'peer.changed', peer: peer('bob', { online: true }) });
    expect(people.visible.map((person) => person.name)).toEqual(['bob', 'carol']);
    expect(people.get('bob')?.devices).toHaveLength(2);
  });
});

describe('conversations', () => {
  it('are sorted into lists and counted', () => {
    const conversations = new Conversations(scripted({}));
    conversations.reset({
      revision: 1,
      account: null,
      peers: [],
      relays: [],
      settings: {},
      conversations: [
        conversation({ conversation: 'a', active_ms: 1, unread: 2 }),
        conversation({ conversation: 'b', active_ms: 2, unread: 4, muted: true }),
        conversation({ conversation: 'c', archived: true, unread: 8 }),
        conversation({ conversation: 'd', request: true, unread: 1 }),
      ],
    } as unknown as Snapshot);
    expect(conversations.open.map((each) => each.conversation)).toEqual(['b', 'a']);
    expect(conversations.archived).toHaveLength(1);
    expect(conversations.unread).toBe(2 + 1);
    conversations.apply({ revision: 2, type: 'conversation.removed', conversation: 'd' });
    expect(conversations.requests).toHaveLength(0);
  });
});

it('loads what a snapshot has no room for', async () => {
  const many = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => conversation({ conversation: `c${from + index}` }));
  const client = scripted({
    'conversation.list': ({ after }: { after: string }) =>
      after === 'c499'
        ? { conversations: many(500, 500), more: true }
        : { conversations: many(1_000, 3), more: false },
  });
  const conversations = new Conversations(client);
  conversations.reset({ revision: 1, conversations: many(0, 500) } as unknown as Snapshot);
  await vi.runAllTimersAsync();
  expect(conversations.open).toHaveLength(1_003);
});

describe('typing', () => {
  it('ends by itself and with a message', async () => {
    const typing = new Typing(scripted({}));
    const starts = {
      revision: 1,
      type: 'typing.changed',
      conversation: 'c',
      account: 'a',
      typing: true,
    } as const;
    typing.apply(starts);
    expect(typing.in('c')).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(typing.in('c')).toEqual([]);
  });

  it('is told at most every few seconds, and its end at once', () => {
    const client = scripted({ 'typing.set': () => ({}) });
    const typing = new Typing(client);
    for (const now of [0, 100, 3_000, 4_100]) typing.tell('c', true, now);
    typing.tell('c', false, 4_200);
    typing.tell('c', false, 4_300);
    expect(client.calls.map((call) => (call.params as { typing: boolean }).typing)).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('prefs', () => {
  it('remember places and look, and bear a spoilt storage', () => {
    const storage = memory();
    const prefs = new Prefs(storage, ['zh-TW', 'en']);
    expect(prefs.locale).toBe('zh-CN');
    prefs.setLook('dark', 'en');
    prefs.setPlace('c', 'm7');
    const again = new Prefs(storage, ['fr']);
    expect([again.theme, again.locale, again.place('c')]).toEqual(['dark', 'en', 'm7']);
    storage.setItem('anser.prefs', '{broken');
    expect(new Prefs(storage, ['fr']).theme).toBe('system');
  });
});
