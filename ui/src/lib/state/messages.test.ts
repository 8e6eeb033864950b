import { describe, expect, it } from 'vitest';
import type { Event, Message } from '$lib/api/generated';
import { message, scripted } from '../../testing';
import { Messages, PAGE } from './messages.svelte';

/** A log of `count` messages behind a client that pages as the node does. */
function logOf(count: number) {
  const log = Array.from({ length: count }, (_, index) => message(index + 1));
  const client = scripted({
    'message.list': ({ before, after, limit = 50 }: { before?: string; after?: string; limit?: number }) => {
      const at = log.findIndex((each) => [each.position, each.message].includes(before ?? after ?? ''));
      if (after) return { messages: log.slice(at + 1, at + 1 + limit), more: at + 1 + limit < log.length };
      const end = before ? at : log.length;
      return { messages: log.slice(Math.max(0, end - limit), end), more: end > limit };
    },
    'message.get': ({ message: id }: { message: string }) => log.find((each) => each.message === id),
  });
  return { client, messages: new Messages(client) };
}

const ids = (items: Message[]) => items.map((item) => item.message);
const event = (body: Omit<Extract<Event, { type: 'message.added' }>, 'revision' | 'type'>): Event => ({
  revision: 1,
  type: 'message.added',
  ...body,
});

describe('a window onto a log', () => {
  it('loads the newest page, then older ones in front, without holes or doubles', async () => {
    const window = logOf(150).messages.window('c');
    await window.latest();
    expect(ids(window.items)).toHaveLength(PAGE);
    expect(window.items.at(-1)?.message).toBe('m150');
    expect(window.grewAtFront).toBe(false);
    await window.before();
    expect(window.grewAtFront).toBe(true);
    await window.before();
    expect(ids(window.items)).toEqual(Array.from({ length: 150 }, (_, index) => `m${index + 1}`));
    expect(window.moreBefore).toBe(false);
  });

  it('opens in the middle and grows to the end', async () => {
    const window = logOf(300).messages.window('c');
    await window.around('m100');
    expect(window.items[0]?.message).toBe('m40');
    expect(window.items.at(-1)?.message).toBe('m160');
    expect(window.moreAfter).toBe(true);
    await window.after();
    await window.after();
    await window.after();
    expect(window.items.at(-1)?.message).toBe('m300');
    expect(window.moreAfter).toBe(false);
  });

  it('takes a new message at the end, and a late one where it belongs', async () => {
    const { messages } = logOf(3);
    const window = messages.window('c');
    await window.latest();
    messages.apply(event({ message: message(5) }));
    messages.apply(event({ message: message(4) }));
    messages.apply(event({ message: message(4) }));
    expect(ids(window.items)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
  });

  it('leaves a late message before the window to the page that will bring it', async () => {
    const { messages } = logOf(150);
    const window = messages.window('c');
    await window.latest();
    messages.apply(event({ message: message(0) }));
    expect(window.items[0]?.message).toBe('m91');
  });

  it('keeps what events tell while an older page is still under way', async () => {
    const { messages } = logOf(3);
    const window = messages.window('c');
    const loading = window.latest();
    messages.apply(event({ message: message(4) }));
    const edited = message(2, { text: 'better' });
    messages.apply({ revision: 2, type: 'message.changed', message: edited });
    await loading;
    expect(ids(window.items)).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(window.items[1]?.text).toBe('better');
  });

  it('does not show a new message behind a gap', async () => {
    const { messages } = logOf(300);
    const window = messages.window('c');
    await window.around('m100');
    messages.apply(event({ message: message(301) }));
    expect(window.items.at(-1)?.message).toBe('m160');
  });

  it('advances own messages by receipts, never back', async () => {
    const { messages } = logOf(0);
    const window = messages.window('c');
    await window.latest();
    for (const number of [1, 2, 3]) {
      messages.apply(event({ message: message(number, { own: true, state: 'waiting' }) }));
    }
    const receipt = (delivered: number, read: number | null): Event => ({
      revision: 1,
      type: 'receipt.changed',
      conversation: 'c',
      account: 'bob',
      delivered_position: message(delivered).position,
      read_position: read === null ? null : message(read).position,
    });
    messages.apply(receipt(2, 1));
    expect(window.items.map((item) => item.state)).toEqual(['read', 'delivered', 'waiting']);
    messages.apply(receipt(3, null));
    expect(window.items.map((item) => item.state)).toEqual(['read', 'delivered', 'delivered']);
  });

  it('reads again when the node says that what counts has changed', async () => {
    const { messages, client } = logOf(10);
    const window = messages.window('c');
    await window.latest();
    messages.apply(event({ message: message(99) }));
    messages.apply({ revision: 2, type: 'messages.reset', conversation: 'c' });
    await client.idle();
    expect(window.items.at(-1)?.message).toBe('m10');
  });

  it('says what went wrong and keeps what it has', async () => {
    const client = scripted({});
    const window = new Messages(client).window('c');
    await window.latest();
    expect(window.error?.code).toBe('unknown_method');
    expect(window.loading).toBeNull();
  });
});
