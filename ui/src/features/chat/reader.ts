/** Tells the node how far the person has read, once for each last message. */
import type { Client } from '$lib/api/client';
import type { MessageWindow } from '$lib/state/messages.svelte';

export class Reader {
  #client: Client;
  #told: string | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  tell({ conversation, items }: MessageWindow): void {
    const last = items.at(-1)?.message;
    if (last === undefined || last === this.#told) return;
    this.#told = last;
    this.#client.call('message.read', { conversation, up_to: last }).catch(() => (this.#told = undefined));
  }
}
