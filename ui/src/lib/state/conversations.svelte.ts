/** All conversations this device is in, as the node last described them, and the lists made of them. */
import { SvelteMap } from 'svelte/reactivity';
import type { Conversation, Event, Snapshot } from '$lib/api/generated';
import type { Domain } from './connection.svelte';

export class Conversations implements Domain {
  #all = new SvelteMap<string, Conversation>();
  /** The account of this device; its own messages do not make a preview say who wrote. */
  self: string = $state('');

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
