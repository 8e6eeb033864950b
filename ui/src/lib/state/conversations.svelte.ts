/** All conversations this device is in, as the node last described them, and the lists made of them. */
import { SvelteMap } from 'svelte/reactivity';
import type { Client } from '$lib/api/client';
import type { Conversation, Event, Snapshot } from '$lib/api/generated';
import type { Domain } from './connection.svelte';

const SNAPSHOT_MOST = 500;

export class Conversations implements Domain {
  #client: Client;
  #all = new SvelteMap<string, Conversation>();
  /** The account of this device; its own messages do not make a preview say who wrote. */
  self: string = $state('');

  constructor(client: Client) {
    this.#client = client;
  }

  readonly #ordered: Conversation[] = $derived(
    [...this.#all.values()].sort((a, b) => b.active_ms - a.active_ms || a.title.localeCompare(b.title)),
  );
  readonly open: Conversation[] = $derived(this.#ordered.filter((each) => !each.request && !each.archived));
  readonly archived: Conversation[] = $derived(
    this.#ordered.filter((each) => !each.request && each.archived),
  );
  readonly requests: Conversation[] = $derived(this.#ordered.filter((each) => each.request));
  readonly unread: number = $derived(
    this.open.reduce((sum, each) => sum + (each.muted ? 0 : each.unread), 0) + this.requests.length,
  );

  get(id: string | null): Conversation | undefined {
    return id === null ? undefined : this.#all.get(id);
  }

  /** The direct conversation with a person, if there is one. */
  with(account: string): Conversation | undefined {
    return this.#ordered.find(
      (each) =>
        each.kind === 'direct' && !each.request && each.members.some((member) => member.account === account),
    );
  }

  /** The other person of a direct conversation. */
  other(conversation: Conversation): string | undefined {
    if (conversation.kind !== 'direct') return undefined;
    return conversation.members.find((member) => member.account !== this.self)?.account;
  }

  reset(snapshot: Snapshot): void {
    this.self = snapshot.account?.account ?? '';
    const known = new Set(snapshot.conversations.map((each) => each.conversation));
    for (const id of this.#all.keys()) if (!known.has(id)) this.#all.delete(id);
    for (const each of snapshot.conversations) this.put(each);
    const last = snapshot.conversations.at(-1);
    if (last && snapshot.conversations.length >= SNAPSHOT_MOST) void this.#rest(last.conversation);
  }

  /** A snapshot holds so many and no more; what is older follows page by page. */
  async #rest(after: string): Promise<void> {
    const page = await this.#client
      .call('conversation.list', { after, limit: SNAPSHOT_MOST })
      .catch(() => null);
    // What an event has told meanwhile is newer than the page.
    for (const each of page?.conversations ?? []) if (!this.#all.has(each.conversation)) this.put(each);
    const last = page?.conversations.at(-1);
    if (page?.more && last) await this.#rest(last.conversation);
  }

  apply(event: Event): void {
    if (event.type === 'conversation.changed') this.put(event.conversation);
    else if (event.type === 'conversation.removed') this.remove(event.conversation);
  }

  /** Also takes the answer of a command, which may arrive before its event. */
  put(conversation: Conversation): void {
    this.#all.set(conversation.conversation, conversation);
  }

  remove(id: string): void {
    this.#all.delete(id);
  }
}
