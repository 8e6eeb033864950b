/** Who is writing where. An entry dies by itself, because the word that somebody stopped may get lost. */
import { SvelteMap } from 'svelte/reactivity';
import type { Client } from '$lib/api/client';
import type { Event } from '$lib/api/generated';
import type { Domain } from './connection.svelte';

const LIFE_MS = 8_000;
/** While writing goes on it is repeated this often, well within an entry's life. */
const REPEAT_MS = 4_000;

export class Typing implements Domain {
  #typing = new SvelteMap<string, string[]>();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #client: Client;
  #told: { conversation: string; at: number } | null = null;

  constructor(client: Client) {
    this.#client = client;
  }

  in(conversation: string): string[] {
    return this.#typing.get(conversation) ?? [];
  }

  /** Tells the others; called on each keystroke, speaks at most every few seconds. */
  tell(conversation: string, typing: boolean, now = Date.now()): void {
    const same = this.#told?.conversation === conversation;
    if (typing && same && now - (this.#told?.at ?? 0) < REPEAT_MS) return;
    if (!typing && !same) return;
    this.#told = typing ? { conversation, at: now } : null;
    // Not worth a word to the user when it fails.
    this.#client.call('typing.set', { conversation, typing }).catch(() => undefined);
  }

  reset(): void {
    this.#typing.clear();
  }

  apply(event: Event): void {
    if (event.type === 'typing.changed') this.#put(event.conversation, event.account, event.typing);
    else if (event.type === 'message.added') {
      this.#put(event.message.conversation, event.message.account, false);
    }
  }

  #put(conversation: string, account: string, typing: boolean): void {
    const key = `${conversation} ${account}`;
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const others = this.in(conversation).filter((each) => each !== account);
    this.#typing.set(conversation, typing ? [...others, account] : others);
    if (typing) {
      this.#timers.set(
        key,
        setTimeout(() => this.#put(conversation, account, false), LIFE_MS),
      );
    }
  }
}
