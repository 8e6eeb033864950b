/** What the composer is about to do in one conversation: write, answer a message, or edit one. */
import type { Message } from '$lib/api/generated';
import type { App } from '$lib/state/app.svelte';

export const LIMIT_BYTES = 65_536;

export class Compose {
  reply: Message | null = $state.raw(null);
  editing: Message | null = $state.raw(null);
  /** Raised to ask for the keyboard's focus. */
  attention: number = $state(0);

  replyTo(message: Message): void {
    this.editing = null;
    this.reply = message;
    this.attention += 1;
  }

  edit(message: Message): void {
    this.reply = null;
    this.editing = message;
    this.attention += 1;
  }

  /** Sends what was written with its files, or changes the message that is edited. Rejects with an `ApiError`. */
  async deliver(app: App, conversation: string, text: string): Promise<void> {
    if (this.editing) {
      await app.client.call('message.edit', { message: this.editing.message, text });
    } else {
      const staging = app.staging(conversation);
      const sent = [...staging.items];
      await app.client.call('message.send', {
        conversation,
        text,
        ...(this.reply ? { reply_to: this.reply.message } : {}),
        ...(sent.length > 0 ? { attachments: staging.files() } : {}),
      });
      staging.clear(sent);
    }
    this.clear();
  }

  focus(): void {
    this.attention += 1;
  }

  clear(): void {
    this.reply = null;
    this.editing = null;
  }
}

const encoder = new TextEncoder();

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}
