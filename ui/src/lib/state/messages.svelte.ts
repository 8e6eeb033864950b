/**
 * Windows onto the message logs: for each conversation a contiguous run of messages in the node's own order.
 * Invariant: a window has no holes; what lies before or after it is only known as `more`. The order is never
 * made from clocks here, since other people's clocks may be years off: `position` alone decides.
 */
import { ApiError, type Client } from '$lib/api/client';
import type { DeliveryState, Event, Message, Snapshot } from '$lib/api/generated';
import type { Domain } from './connection.svelte';

export const PAGE = 60;
/** A window that grew longer than this forgets its oldest part once the reader is back at the end. */
const LONGEST = 3_000;
const MOST_WINDOWS = 8;
const RANK: Record<DeliveryState, number> = { waiting: 0, on_relay: 1, delivered: 2, read: 3 };

export class MessageWindow {
  items: Message[] = $state.raw([]);
  /** Whether the node holds messages before the first and after the last one here. */
  moreBefore: boolean = $state(false);
  moreAfter: boolean = $state(false);
  loading: 'before' | 'after' | 'all' | null = $state(null);
  loaded: boolean = $state(false);
  error: ApiError | null = $state(null);
  /** True while the last change put messages at the front: the view then keeps its place from the end. */
  grewAtFront: boolean = $state(false);

  #client: Client;
  #generation = 0;
  /** What events told while a page was under way: the page may be older than they are. */
  #late: (() => void)[] = [];

  constructor(
    client: Client,
    readonly conversation: string,
  ) {
    this.#client = client;
  }

  /** The newest page. */
  async latest(): Promise<void> {
    await this.#load('all', async () => {
      const page = await this.#page({});
      return () => this.#set(page.messages, page.more, false);
    });
  }

  /** The same place again, where the messages themselves may have become others. */
  async reload(): Promise<void> {
    if (!this.loaded) return;
    const middle = this.moreAfter ? this.items[Math.floor(this.items.length / 2)] : undefined;
    await (middle ? this.around(middle.message, true) : this.latest());
  }

  async before(): Promise<void> {
    const first = this.items[0];
    if (!first || !this.moreBefore || this.loading) return;
    await this.#load('before', async () => {
      const page = await this.#page({ before: first.position });
      return () => this.#set([...page.messages, ...this.items], page.more, this.moreAfter, true);
    });
  }

  async after(): Promise<void> {
    const last = this.items.at(-1);
    if (!last || !this.moreAfter || this.loading) return;
    await this.#load('after', async () => {
      const page = await this.#page({ after: last.position });
      return () => this.#set([...this.items, ...page.messages], this.moreBefore, page.more);
    });
  }

  /** A window with `message` in its middle. */
  async around(message: string, again = false): Promise<void> {
    if (!again && this.items.some((item) => item.message === message)) return;
    await this.#load('all', async () => {
      const [hit, older, newer] = await Promise.all([
        this.#client.call('message.get', { message }),
        this.#page({ before: message }),
        this.#page({ after: message }),
      ]);
      return () => this.#set([...older.messages, hit, ...newer.messages], older.more, newer.more);
    });
  }

  add(message: Message): void {
    if (this.loading) this.#late.push(() => this.add(message));
    if (!this.loaded || this.moreAfter) return;
    if (this.items.some((item) => item.message === message.message)) return this.change(message);
    // A late message may belong before what is shown; before the window it is for a later page to bring.
    const at = this.items.findLastIndex((item) => item.position < message.position) + 1;
    if (at === 0 && this.items.length > 0 && this.moreBefore) return;
    this.#set(this.items.toSpliced(at, 0, message), this.moreBefore, false);
  }

  change(message: Message): void {
    if (this.loading) this.#late.push(() => this.change(message));
    const at = this.items.findIndex((item) => item.message === message.message);
    if (at < 0) return;
    this.grewAtFront = false;
    this.items = this.items.with(at, message);
  }

  /** Own messages up to these places have got at least that far. Positions sort as text. */
  advance(delivered: string | null | undefined, read: string | null | undefined): void {
    const reached = (item: Message): DeliveryState =>
      read && item.position <= read
        ? 'read'
        : delivered && item.position <= delivered
          ? 'delivered'
          : item.state;
    const items = this.items.map((item) => {
      const state = item.own ? reached(item) : item.state;
      return RANK[state] > RANK[item.state] ? { ...item, state } : item;
    });
    this.grewAtFront = false;
    this.items = items;
  }

  /** Called when the reader is at the end: a very long window lets its oldest messages go. */
  trim(): void {
    if (this.items.length <= LONGEST || this.moreAfter || this.loading) return;
    this.#set(this.items.slice(-LONGEST / 2), true, false, true);
  }

  #page(cursor: { before?: string; after?: string }) {
    return this.#client.call('message.list', { conversation: this.conversation, limit: PAGE, ...cursor });
  }

  #set(items: Message[], moreBefore: boolean, moreAfter: boolean, grewAtFront = false): void {
    this.grewAtFront = grewAtFront;
    this.items = unique(items);
    this.moreBefore = moreBefore;
    this.moreAfter = moreAfter;
    this.loaded = true;
  }

  async #load(what: 'before' | 'after' | 'all', ask: () => Promise<() => void>): Promise<void> {
    const generation = what === 'all' ? ++this.#generation : this.#generation;
    this.loading = what;
    try {
      const take = await ask();
      if (generation !== this.#generation) return;
      take();
      this.error = null;
    } catch (thrown) {
      if (generation === this.#generation) this.error = ApiError.from(thrown);
    } finally {
      if (generation === this.#generation) {
        this.loading = null;
        const late = this.#late;
        this.#late = [];
        for (const apply of late) apply();
      }
    }
  }
}

/** A message that came both in a page and as an event is kept once, where the page had it. */
function unique(items: Message[]): Message[] {
  const seen = new Set<string>();
  return items.filter((item) => !seen.has(item.message) && seen.add(item.message));
}

export class Messages implements Domain {
  #client: Client;
  /** Least recently opened first. */
  #windows = new Map<string, MessageWindow>();

  constructor(client: Client) {
    this.#client = client;
  }

  window(conversation: string): MessageWindow {
    const window = this.#windows.get(conversation) ?? new MessageWindow(this.#client, conversation);
    this.#windows.delete(conversation);
    this.#windows.set(conversation, window);
    if (this.#windows.size > MOST_WINDOWS) {
      const [oldest] = this.#windows.keys();
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    return window;
  }

  /** After a gap nobody knows what the windows missed. */
  reset(_snapshot: Snapshot): void {
    for (const window of this.#windows.values()) void window.reload();
  }

  apply(event: Event): void {
    if (event.type === 'message.added') {
      this.#windows.get(event.message.conversation)?.add(event.message);
    } else if (event.type === 'message.changed') {
      this.#windows.get(event.message.conversation)?.change(event.message);
    } else if (event.type === 'receipt.changed') {
      this.#windows.get(event.conversation)?.advance(event.delivered_position, event.read_position);
    } else if (event.type === 'messages.reset') {
      void this.#windows.get(event.conversation)?.reload();
    } else if (event.type === 'conversation.removed') {
      this.#windows.delete(event.conversation);
    }
  }
}
