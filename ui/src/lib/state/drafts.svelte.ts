/**
 * What is written and not yet sent, per conversation. Each keystroke goes to this machine's own storage at
 * once, so that a crash of either side loses nothing; the node hears of it a moment later and on leaving.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Client } from '$lib/api/client';
import type { Conversation } from '$lib/api/generated';

const QUIET_MS = 800;
const PREFIX = 'anser.draft.';

export class Drafts {
  #texts = new SvelteMap<string, string>();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #client: Client;
  #storage: Storage;

  constructor(client: Client, storage: Storage) {
    this.#client = client;
    this.#storage = storage;
  }

  /** What was being written here wins over the storage of this machine, and that over the node's copy. */
  get(conversation: Conversation): string {
    const id = conversation.conversation;
    return this.#texts.get(id) ?? this.#storage.getItem(PREFIX + id) ?? conversation.draft ?? '';
  }

  set(conversation: string, text: string): void {
    this.#texts.set(conversation, text);
    this.#storage.setItem(PREFIX + conversation, text);
    clearTimeout(this.#timers.get(conversation));
    this.#timers.set(
      conversation,
      setTimeout(() => void this.flush(conversation), QUIET_MS),
    );
  }

  /** Tells the node now. The local copy goes once the node has it. */
  async flush(conversation: string): Promise<void> {
    if (!this.#timers.has(conversation)) return;
    clearTimeout(this.#timers.get(conversation));
    this.#timers.delete(conversation);
    const draft = this.#texts.get(conversation) ?? '';
    try {
      await this.#client.call('conversation.update', { conversation, draft });
      if (this.#texts.get(conversation) === draft) this.#storage.removeItem(PREFIX + conversation);
    } catch {
      // The local copy stays and is tried again with the next change.
    }
  }

  flushAll(): void {
    for (const conversation of [...this.#timers.keys()]) void this.flush(conversation);
  }
}
