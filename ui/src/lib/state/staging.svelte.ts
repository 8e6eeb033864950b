/**
 * Files that wait to be sent with the next message of one conversation. Each is taken in by the node at once, by
 * its path where the platform gives one, else piece by piece. Invariant: sending takes only files the node holds.
 */
import { ApiError, type Client } from '$lib/api/client';
import type { Transfer } from '$lib/api/generated';
import { isPictureType, pictureTypeOf } from '$lib/media/types';
import { toBase64 } from '$lib/text/base64';
import type { Transfers } from './transfers.svelte';

/** As many as one message carries. */
export const MOST_FILES = 16;
/** In base64 a third more: 512 KiB, as much as one call takes. */
const PIECE_BYTES = 384 * 1024;

/** A file as the platform hands it over. */
export type Source = File | { path: string };

export class Staged {
  transfer: string | null = $state(null);
  problem: ApiError | null = $state.raw(null);
  removed = false;
  readonly name: string;
  /** Known at once for what the page itself holds. */
  readonly sizeBytes: number | null;
  readonly mediaType: string;
  /** A URL of its picture, where the page itself holds it. */
  readonly picture: string | null;

  constructor(
    readonly key: number,
    readonly source: Source,
  ) {
    const own = source instanceof File;
    this.name = own ? source.name || 'file' : (source.path.split(/[\\/]/).at(-1) ?? source.path);
    this.sizeBytes = own ? source.size : null;
    this.mediaType = own && isPictureType(source.type) ? source.type : pictureTypeOf(this.name);
    this.picture = own && isPictureType(source.type) ? URL.createObjectURL(source) : null;
  }

  close(): void {
    this.removed = true;
    if (this.picture !== null) URL.revokeObjectURL(this.picture);
  }
}

export class Staging {
  items: Staged[] = $state.raw([]);
  #client: Client;
  #transfers: Transfers;
  #next = 1;

  constructor(client: Client, transfers: Transfers) {
    this.#client = client;
    this.#transfers = transfers;
  }

  readonly ready: boolean = $derived.by(() => this.items.every((each) => this.fileOf(each) !== undefined));

  readonly failed: boolean = $derived.by(() =>
    this.items.some((each) => {
      const state = this.transferOf(each)?.state;
      return each.problem !== null || state === 'failed' || state === 'cancelled';
    }),
  );

  /** Takes files in; returns how many did not fit into one message. */
  add(sources: readonly Source[]): number {
    const room = Math.max(0, MOST_FILES - this.items.length);
    const staged = sources.slice(0, room).map((source) => new Staged(this.#next++, source));
    this.items = [...this.items, ...staged];
    for (const each of staged) void this.#take(each);
    return sources.length - staged.length;
  }

  async remove(staged: Staged): Promise<void> {
    staged.close();
    this.items = this.items.filter((each) => each !== staged);
    if (staged.transfer !== null) await this.#transfers.cancel(staged.transfer);
  }

  async retry(staged: Staged): Promise<void> {
    staged.problem = null;
    staged.transfer = null;
    await this.#take(staged);
  }

  transferOf(staged: Staged): Transfer | undefined {
    return this.#transfers.get(staged.transfer);
  }

  /** The file's id, once the node holds it whole. */
  fileOf(staged: Staged): string | undefined {
    const transfer = this.transferOf(staged);
    return transfer?.state === 'done' ? (transfer.file ?? undefined) : undefined;
  }

  /** What a message carries. */
  files(): string[] {
    const files = this.items.map((each) => this.fileOf(each)).filter((file) => file !== undefined);
    // The same file may have been chosen twice.
    return [...new Set(files)];
  }

  /** They were sent. */
  clear(sent: readonly Staged[]): void {
    for (const each of sent) each.close();
    this.items = this.items.filter((each) => !sent.includes(each));
  }

  async #take(staged: Staged): Promise<void> {
    const { source } = staged;
    try {
      const begun = await this.#client.call(
        'file.add',
        source instanceof File ? { name: staged.name, size_bytes: source.size } : { path: source.path },
      );
      this.#transfers.learn(begun);
      if (staged.removed) return await this.#transfers.cancel(begun.transfer);
      staged.transfer = begun.transfer;
      if (source instanceof File) await this.#write(staged, source, begun.transfer);
    } catch (thrown) {
      if (!staged.removed) staged.problem = ApiError.from(thrown);
    }
  }

  async #write(staged: Staged, file: File, transfer: string): Promise<void> {
    for (let at = 0; at < file.size && !staged.removed; at += PIECE_BYTES) {
      const piece = new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
      const answer = await this.#client.call('file.write', { transfer, data: toBase64(piece) });
      this.#transfers.learn(answer);
    }
  }
}
