/** Messages as the list shows them: which begin a day, a group of one author, or what has not been read. */
import type { Conversation, Message } from '$lib/api/generated';
import { dayOf } from '$lib/i18n/format';

/** Messages of one author further apart than this stand apart. */
const GROUP_MS = 5 * 60_000;

export interface Line {
  message: Message;
  newDay: boolean;
  firstUnread: boolean;
  /** First and last of a run by one author. */
  first: boolean;
  last: boolean;
}

export function linesOf(messages: Message[], firstUnread: string | null): Line[] {
  const lines: Line[] = [];
  let before: Line | undefined;
  for (const message of messages) {
    const newDay = !before || dayOf(before.message.received_ms) !== dayOf(message.received_ms);
    const unread = message.message === firstUnread;
    const joins = before !== undefined && !newDay && !unread && sameRun(before.message, message);
    if (before && joins) before.last = false;
    before = { message, newDay, firstUnread: unread, first: !joins, last: true };
    lines.push(before);
  }
  return lines;
}

function sameRun(a: Message, b: Message): boolean {
  return (
    a.account === b.account &&
    a.kind === 'text' &&
    b.kind === 'text' &&
    Math.abs(b.received_ms - a.received_ms) < GROUP_MS
  );
}

/** Where reading stopped, found once when a conversation is opened so that the mark stays while one reads. */
export function firstUnreadOf(conversation: Conversation, messages: Message[]): string | null {
  if (conversation.unread === 0) return null;
  const readAt = messages.findIndex((message) => message.message === conversation.read_up_to);
  if (readAt >= 0) return messages.slice(readAt + 1).find((message) => !message.own)?.message ?? null;
  const foreign = messages.filter((message) => !message.own && message.kind === 'text');
  return foreign.at(-conversation.unread)?.message ?? null;
}
