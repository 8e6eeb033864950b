/** What the composer is about to do in one conversation: write, answer a message, or edit one. */
import type { Message } from '$lib/api/generated';

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
