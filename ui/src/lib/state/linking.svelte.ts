/** Taking this device into an account that another one has: the code to show there, and how far it has come. */
import { ApiError, type Client } from '$lib/api/client';
import type { Event, LinkCode, LinkStep } from '$lib/api/generated';
import type { Domain } from './connection.svelte';

export class Linking implements Domain {
  code: LinkCode | null = $state.raw(null);
  step: LinkStep = $state('waiting');
  /** What happened and what to do, in the node's words. */
  message: string = $state('');
  error: ApiError | null = $state.raw(null);
  #client: Client;
  #turn = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Shows a code; called again, a new one in place of the old. */
  async start(): Promise<void> {
    const turn = ++this.#turn;
    this.step = 'waiting';
    this.message = '';
    this.error = null;
    try {
      const code = await this.#client.call('device.link_start', {});
      if (turn === this.#turn) this.code = code;
    } catch (thrown) {
      if (turn === this.#turn) this.error = ApiError.from(thrown);
    }
  }

  async cancel(): Promise<void> {
    this.#turn += 1;
    this.code = null;
    // Where it fails the code expires by itself.
    await this.#client.call('device.link_cancel', {}).catch(() => undefined);
  }

  reset(): void {
    this.code = null;
  }

  apply(event: Event): void {
    if (event.type !== 'link.changed' || this.code === null) return;
    this.step = event.step;
    this.message = event.message;
  }
}
