/** Carries the made-up office's files: takes them in, fetches them, writes them out, bit by bit, as a node would. */
import type {
  Attachment,
  FileAdd,
  FileFetch,
  FileList,
  FileRead,
  FileSave,
  Files,
  FileWrite,
  Message,
  SharedFile,
  Transfer,
  TransferKind,
} from '$lib/api/generated';
import { pictureTypeOf } from '$lib/media/types';
import { fromBase64, toBase64 } from '$lib/text/base64';
import { ApiError } from '../client';
import { attachmentOf } from './files';
import type { Emit } from './index';
import { fakeId, type World } from './world';

const TICK_MS = 160;
const TICKS = 12;
const ENDED = ['done', 'failed', 'cancelled'];

export class Desk {
  #next = 1_000;
  /** What was written so far of files that come in pieces. */
  #pieces = new Map<string, Uint8Array[]>();

  constructor(
    readonly world: World,
    readonly emit: Emit,
  ) {}

  add({ path, name, size_bytes }: FileAdd): Transfer {
    if (path?.includes('missing')) throw new ApiError('not_found', `There is no file ${path}.`);
    const known = path?.split(/[\\/]/).at(-1) ?? name ?? 'file';
    const transfer = this.#begin('add', known, size_bytes ?? 2_400_000);
    if (path !== undefined) void this.#run(transfer).then(() => this.#takenIn(transfer));
    else if (size_bytes === 0) this.#takenIn(transfer);
    else this.#pieces.set(transfer.transfer, []);
    return transfer;
  }

  write({ transfer: id, data }: FileWrite): Transfer {
    const transfer = this.#of(id);
    const pieces = this.#pieces.get(id);
    if (!pieces) throw new ApiError('invalid_argument', 'This file takes no more bytes.');
    const piece = fromBase64(data);
    pieces.push(piece);
    transfer.done_bytes += piece.length;
    if (transfer.done_bytes >= transfer.size_bytes) {
      this.#pieces.delete(id);
      this.#takenIn(transfer, join(pieces));
    } else this.#tell(transfer);
    return transfer;
  }

  /** What was taken in, as a message carries it. */
  attachments(files: string[]): Attachment[] {
    return files.map((file) => {
      const added = [...this.world.transfers.values()].find(
        (each) => each.kind === 'add' && each.file === file,
      );
      if (!added) throw new ApiError('not_found', 'There is no file with this id.');
      const media_type = pictureTypeOf(added.name) || 'application/octet-stream';
      return { ...attachmentOf(added.name, media_type, added.size_bytes), file };
    });
  }

  fetch({ message, file }: FileFetch): Transfer {
    const { found, attachment } = this.#find(message, file);
    const transfer = this.#begin('fetch', attachment.name, attachment.size_bytes, {
      file: attachment.file,
      message,
      conversation: found.conversation,
      sources: 2,
    });
    this.#change(found, attachment, { state: 'fetching', transfer: transfer.transfer });
    void this.#run(transfer).then((done) => {
      const { size_bytes } = attachment;
      const change = done
        ? { state: 'here' as const, received_bytes: size_bytes }
        : { state: 'absent' as const };
      this.#change(found, attachment, { ...change, transfer: null });
      if (done) this.#finish(transfer);
    });
    return transfer;
  }

  save({ message, file, path }: FileSave): Transfer {
    const { found, attachment } = this.#find(message, file);
    const { conversation } = found;
    const extra = { file: attachment.file, message, conversation };
    const transfer = this.#begin('save', attachment.name, attachment.size_bytes, extra);
    void this.#run(transfer).then((done) => done && this.#finish(transfer, { path }));
    return transfer;
  }

  read({ file, offset, limit }: FileRead): { data: string; size_bytes: number } {
    const content = this.world.contents.get(file)?.() ?? new Uint8Array(this.#sizeOf(file));
    return { data: toBase64(content.subarray(offset, offset + limit)), size_bytes: content.length };
  }

  cancel(id: string): Transfer {
    const transfer = this.#of(id);
    if (ENDED.includes(transfer.state)) throw new ApiError('not_found', 'It has ended already.');
    transfer.state = 'cancelled';
    this.#tell(transfer);
    for (const log of this.world.messages.values()) {
      for (const message of log) {
        const held = message.attachments.find((each) => each.transfer === id);
        if (held) this.#change(message, held, { state: 'absent', transfer: null });
      }
    }
    return transfer;
  }

  list({ conversation, limit = 50, before }: FileList): Files {
    const transfers = [...this.world.transfers.values()];
    if (conversation === undefined) return { transfers, files: [], more: false };
    const all = (this.world.messages.get(conversation) ?? []).flatMap(shared).reverse();
    const older = before === undefined ? all : all.filter(({ position }) => position < before);
    return { transfers, files: older.slice(0, limit), more: older.length > limit };
  }

  /** A backup; rejects when it is cancelled. */
  async backup(kind: 'export' | 'import', path: string): Promise<number> {
    const transfer = this.#begin(kind, path.split(/[\\/]/).at(-1) ?? path, 24_600_000);
    if (!(await this.#run(transfer))) throw new ApiError('refused', 'It was cancelled.');
    this.#finish(transfer, { path });
    return transfer.size_bytes;
  }

  #begin(kind: TransferKind, name: string, size_bytes: number, extra: Partial<Transfer> = {}): Transfer {
    const transfer: Transfer = {
      transfer: fakeId('transfer', this.#next++),
      kind,
      state: 'running',
      file: null,
      name,
      size_bytes,
      done_bytes: 0,
      conversation: null,
      message: null,
      sources: 0,
      code: null,
      reason: null,
      path: null,
      ...extra,
    };
    this.world.transfers.set(transfer.transfer, transfer);
    this.#tell(transfer);
    return transfer;
  }

  /** Moves it along; whether it came to its end. */
  #run(transfer: Transfer): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const ended = ENDED.includes(transfer.state);
        const next = Math.min(
          transfer.size_bytes,
          transfer.done_bytes + Math.ceil(transfer.size_bytes / TICKS),
        );
        if (!ended) transfer.done_bytes = next;
        if (!ended && next < transfer.size_bytes) return this.#tell(transfer);
        clearInterval(timer);
        resolve(!ended);
      }, TICK_MS);
    });
  }

  #finish(transfer: Transfer, change: Partial<Transfer> = {}): void {
    Object.assign(transfer, { state: 'done', done_bytes: transfer.size_bytes, ...change });
    this.#tell(transfer);
  }

  #takenIn(transfer: Transfer, content?: Uint8Array<ArrayBuffer>): void {
    if (transfer.state === 'cancelled') return;
    const file = fakeId('file', this.#next++);
    if (content) this.world.contents.set(file, () => content);
    this.#finish(transfer, { file });
  }

  #change(message: Message, attachment: Attachment, change: Partial<Attachment>): void {
    Object.assign(attachment, change);
    this.emit({ type: 'message.changed', message });
  }

  #find(id: string, file: string | undefined): { found: Message; attachment: Attachment } {
    for (const log of this.world.messages.values()) {
      const found = log.find((message) => message.message === id);
      const attachment = found?.attachments.find((each) => file === undefined || each.file === file);
      if (found && attachment) return { found, attachment };
    }
    throw new ApiError('not_found', 'There is no such file.');
  }

  #of(id: string): Transfer {
    const transfer = this.world.transfers.get(id);
    if (!transfer) throw new ApiError('not_found', 'There is no transfer with this id.');
    return transfer;
  }

  #sizeOf(file: string): number {
    const all = [...this.world.messages.values()].flat().flatMap((message) => message.attachments);
    const found = all.find((each) => each.file === file);
    if (found?.state !== 'here') throw new ApiError('not_found', 'This file is not here.');
    return found.size_bytes;
  }

  #tell(transfer: Transfer): void {
    this.emit({ type: 'file.progress', transfer });
  }
}

function shared({ message, account, name, sent_ms, position, attachments }: Message): SharedFile[] {
  return attachments.map((attachment) => ({ message, account, name, sent_ms, position, attachment }));
}

function join(pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
