/**
 * Files on their way into, out of and through this device. Invariant: what is known of a transfer never goes
 * back, though the answer of a command may come after events that are newer than it.
 */
import { SvelteMap } from 'svelte/reactivity';
import { ApiError, type Client } from '$lib/api/client';
import type { Attachment, Event, Transfer, TransferKind } from '$lib/api/generated';
import type { Domain } from './connection.svelte';
import type { Contents } from './contents.svelte';

const MOST = 500;
/** Transfers of this page alone, which the node knows nothing of. */
const LOCAL = 'page:';

export const isEnded = ({ state }: Transfer): boolean =>
  state === 'done' || state === 'failed' || state === 'cancelled';

export class Transfers implements Domain {
  #client: Client;
  #contents: Contents;
  #all = new SvelteMap<string, Transfer>();
  /** The latest of each file of a message. */
  #ofFile = new SvelteMap<string, string>();
  #next = 1;

  constructor(client: Client, contents: Contents) {
    this.#client = client;
    this.#contents = contents;
  }

  get(id: string | null): Transfer | undefined {
    return id === null ? undefined : this.#all.get(id);
  }

  /** The latest that concerns a file of a message. */
  of(message: string, file: string): Transfer | undefined {
    return this.get(this.#ofFile.get(`${message} ${file}`) ?? null);
  }

  /** What goes on of this kind; there is one backup at a time. */
  underWay(kind: TransferKind): Transfer | undefined {
    return [...this.#all.values()].findLast((each) => each.kind === kind && !isEnded(each));
  }

  /** Takes the answer of a command, unless an event has told more already. */
  learn(transfer: Transfer): void {
    const known = this.#all.get(transfer.transfer);
    if (known && !isEnded(transfer) && (isEnded(known) || known.done_bytes > transfer.done_bytes)) return;
    this.#put(transfer);
  }

  /** Fetches a file of a message into this device. A failure shows at the file. */
  async fetch(message: string, attachment: Attachment): Promise<void> {
    await this.#begin('fetch', message, attachment, () =>
      this.#client.call('file.fetch', { message, file: attachment.file }),
    );
  }

  /** Writes it to this computer, where the person has chosen to. */
  async save(message: string, attachment: Attachment, path: string): Promise<void> {
    // Whoever chose the place was asked there whether to replace what stands in it.
    await this.#begin('save', message, attachment, () =>
      this.#client.call('file.save', { message, file: attachment.file, path, overwrite: true }),
    );
  }

  /** Reads it into this page, for a browser to put where it puts downloads. */
  async download(message: string, attachment: Attachment, deliver: (content: Blob) => void): Promise<void> {
    const { file, size_bytes } = attachment;
    const local = this.#local('save', message, attachment);
    const show = (change: Partial<Transfer>) => this.#put({ ...local, ...change });
    const stopped = () => this.get(local.transfer)?.state === 'cancelled';
    show({});
    try {
      // Never as a type that the browser would open by itself.
      const content = await this.#contents.read(file, size_bytes, 'application/octet-stream', {
        stopped,
        progress: (done_bytes) => !stopped() && show({ done_bytes }),
      });
      if (stopped()) return;
      deliver(content);
      show({ state: 'done', done_bytes: size_bytes });
    } catch (thrown) {
      if (!stopped()) show(failure(thrown));
    }
  }

  async cancel(id: string): Promise<void> {
    const known = this.#all.get(id);
    if (id.startsWith(LOCAL)) {
      if (known) this.#put({ ...known, state: 'cancelled' });
      return;
    }
    // It may have ended by itself meanwhile; then its event says how.
    await this.#client.call('file.cancel', { transfer: id }).then(
      (transfer) => this.learn(transfer),
      () => undefined,
    );
  }

  /** Nobody knows what a gap held: what is under way is asked for. */
  reset(): void {
    this.#client.call('file.list', {}).then(
      ({ transfers }) => transfers.forEach((each) => this.learn(each)),
      () => undefined,
    );
  }

  apply(event: Event): void {
    if (event.type === 'file.progress') this.#put(event.transfer);
  }

  async #begin(
    kind: TransferKind,
    message: string,
    attachment: Attachment,
    ask: () => Promise<Transfer>,
  ): Promise<void> {
    try {
      this.learn(await ask());
    } catch (thrown) {
      this.#put({ ...this.#local(kind, message, attachment), ...failure(thrown) });
    }
  }

  #local(kind: TransferKind, message: string, { file, name, size_bytes }: Attachment): Transfer {
    const transfer = `${LOCAL}${this.#next++}`;
    const rest = { conversation: null, sources: 0, code: null, reason: null, path: null };
    return { transfer, kind, state: 'running', file, name, size_bytes, done_bytes: 0, message, ...rest };
  }

  #put(transfer: Transfer): void {
    this.#all.set(transfer.transfer, transfer);
    const { message, file, kind } = transfer;
    if (message !== null && file !== null && kind !== 'add') {
      this.#ofFile.set(`${message} ${file}`, transfer.transfer);
    }
    if (this.#all.size > MOST) this.#forget();
  }

  /** The oldest that has ended goes. */
  #forget(): void {
    const oldest = [...this.#all.values()].find(isEnded);
    if (!oldest) return;
    this.#all.delete(oldest.transfer);
    const key = `${oldest.message} ${oldest.file}`;
    if (this.#ofFile.get(key) === oldest.transfer) this.#ofFile.delete(key);
  }
}

function failure(thrown: unknown): Partial<Transfer> {
  const { code, message } = ApiError.from(thrown);
  return { state: 'failed', code, reason: message };
}
