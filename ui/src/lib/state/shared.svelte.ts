/** The files of one conversation, newest first, page by page; new ones join, and what happens to them shows. */
import { ApiError, type Client } from '$lib/api/client';
import type { Event, Message, SharedFile } from '$lib/api/generated';

const PAGE = 30;

export class SharedFiles {
  items: SharedFile[] = $state.raw([]);
  more: boolean = $state(false);
  loading: boolean = $state(false);
  loaded: boolean = $state(false);
  error: ApiError | null = $state.raw(null);
  #client: Client;

  constructor(
    client: Client,
    readonly conversation: string,
  ) {
    this.#client = client;
  }

  /** Follows what happens from now on; returns how to stop. */
  follow(): () => void {
    return this.#client.events((event) => this.apply(event));
  }

  /** The next page: the first one, where there is none yet. */
  async next(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      const last = this.items.at(-1)?.position;
      const page = await this.#client.call('file.list', {
        conversation: this.conversation,
        limit: PAGE,
        ...(last === undefined ? {} : { before: last }),
      });
      this.#join(page.files);
      this.more = page.more;
      this.loaded = true;
      this.error = null;
    } catch (thrown) {
      this.error = ApiError.from(thrown);
    } finally {
      this.loading = false;
    }
  }

  apply(event: Event): void {
    if (event.type === 'message.added' || event.type === 'message.changed') this.#take(event.message);
    else if (event.type === 'messages.reset' && event.conversation === this.conversation) {
      this.items = [];
      void this.next();
    }
  }

  #take(message: Message): void {
    if (message.conversation !== this.conversation) return;
    const rest = this.items.filter((each) => each.message !== message.message);
    const known = rest.length < this.items.length;
    const oldest = this.items.at(-1);
    // What lies before the first page's end is for a later page to bring.
    if (!known && this.more && oldest && message.position < oldest.position) return;
    this.items = rest;
    if (!message.deleted) this.#join(filesOf(message));
  }

  #join(files: readonly SharedFile[]): void {
    const key = ({ message, attachment }: SharedFile) => `${message} ${attachment.file}`;
    const joined = new Map([...this.items, ...files].map((each) => [key(each), each]));
    this.items = [...joined.values()].sort((a, b) =>
      a.position === b.position ? 0 : a.position < b.position ? 1 : -1,
    );
  }
}

function filesOf({ message, account, name, sent_ms, position, attachments }: Message): SharedFile[] {
  return attachments.map((attachment) => ({ message, account, name, sent_ms, position, attachment }));
}
