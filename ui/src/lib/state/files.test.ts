import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Event, SharedFile, Transfer } from '$lib/api/generated';
import { ApiError } from '$lib/api/client';
import { fromBase64, toBase64 } from '$lib/text/base64';
import { attachment, message, scripted, transfer, type Scripted } from '../../testing';
import { BlobCache } from './blobs.svelte';
import { Contents } from './contents.svelte';
import { Pictures } from './pictures.svelte';
import { SharedFiles } from './shared.svelte';
import { MOST_FILES, Staging } from './staging.svelte';
import { Transfers } from './transfers.svelte';

const progress = (change: Partial<Transfer>): Event => ({
  revision: 1,
  type: 'file.progress',
  transfer: transfer(change),
});
const transfersOf = (client: Scripted) => new Transfers(client, new Contents(client));
const settled = async (client: Scripted) => {
  for (let turn = 0; turn < 12; turn += 1) await client.idle();
};

let made: string[] = [];
let revoked: string[] = [];
beforeEach(() => {
  made = [];
  revoked = [];
  vi.spyOn(URL, 'createObjectURL').mockImplementation(() => {
    made.push(`blob:${made.length}`);
    return made.at(-1) ?? '';
  });
  vi.spyOn(URL, 'revokeObjectURL').mockImplementation((url) => void revoked.push(url));
});
afterEach(() => void vi.restoreAllMocks());

describe('transfers', () => {
  it('does not go back when an answer comes after the events that followed it', () => {
    const transfers = transfersOf(scripted({}));
    transfers.apply(progress({ done_bytes: 700 }));
    transfers.learn(transfer({ done_bytes: 0 }));
    expect(transfers.get('t')?.done_bytes).toBe(700);
    transfers.apply(progress({ state: 'done', done_bytes: 1_000 }));
    transfers.learn(transfer({ done_bytes: 900 }));
    expect(transfers.get('t')?.state).toBe('done');
    expect(transfers.underWay('fetch')).toBeUndefined();
  });

  it('finds the latest of a file, and keeps a failed call where the file is', async () => {
    const client = scripted({
      'file.fetch': () => {
        throw new ApiError('not_a_member', 'Not a member.');
      },
    });
    const transfers = transfersOf(client);
    transfers.apply(progress({ transfer: 'old', state: 'cancelled' }));
    await transfers.fetch('m1', attachment());
    expect(transfers.of('m1', 'f')).toMatchObject({ state: 'failed', code: 'not_a_member' });
    transfers.apply(progress({ transfer: 'new' }));
    expect(transfers.of('m1', 'f')?.transfer).toBe('new');
    expect(transfers.of('m2', 'f')).toBeUndefined();
  });

  it('forgets the oldest that ended, never one under way', () => {
    const transfers = transfersOf(scripted({}));
    transfers.apply(progress({ transfer: 'long' }));
    for (let at = 0; at < 600; at += 1) {
      transfers.apply(progress({ transfer: `t${at}`, message: `m${at}`, state: 'done' }));
    }
    expect(transfers.get('long')).toBeDefined();
    expect(transfers.get('t0')).toBeUndefined();
    expect(transfers.of('m0', 'f')).toBeUndefined();
    expect(transfers.get('t599')).toBeDefined();
  });

  it('asks after a gap what is under way', async () => {
    const list = { transfers: [transfer({ done_bytes: 5 })], files: [], more: false };
    const client = scripted({ 'file.list': () => list });
    const transfers = transfersOf(client);
    transfers.reset();
    await settled(client);
    expect(transfers.get('t')?.done_bytes).toBe(5);
  });

  const content = new Uint8Array(1_200_000).fill(3);
  const reading = {
    'file.read': ({ offset, limit }: { offset: number; limit: number }) => ({
      data: toBase64(content.subarray(offset, offset + limit)),
      size_bytes: content.length,
    }),
  };

  it('downloads piece by piece, as nothing that would open by itself', async () => {
    const client = scripted(reading);
    const transfers = transfersOf(client);
    let got: Blob | undefined;
    await transfers.download('m1', attachment({ size_bytes: content.length }), (blob) => (got = blob));
    expect(got?.size).toBe(content.length);
    expect(got?.type).toBe('application/octet-stream');
    expect(client.calls.map(({ params }) => (params as { offset: number }).offset)).toEqual([
      0, 524_288, 1_048_576,
    ]);
    expect(transfers.of('m1', 'f')?.state).toBe('done');
  });

  it('stops a download between two pieces', async () => {
    const client = scripted(reading);
    const transfers = transfersOf(client);
    const deliver = vi.fn();
    const whole = transfers.download('m1', attachment({ size_bytes: content.length }), deliver);
    await transfers.cancel(transfers.of('m1', 'f')?.transfer ?? '');
    await whole;
    expect(deliver).not.toHaveBeenCalled();
    expect(client.calls.length).toBeLessThan(3);
    expect(transfers.of('m1', 'f')?.state).toBe('cancelled');
  });
});

describe('staging', () => {
  const node = () => {
    let next = 0;
    const written = new Map<string, Uint8Array[]>();
    const client: Scripted = scripted({
      'file.add': ({ name = 'x', size_bytes = 0 }: { name?: string; size_bytes?: number }) => {
        const id = `t${next++}`;
        written.set(id, []);
        return transfer({ transfer: id, kind: 'add', file: null, name, size_bytes, message: null });
      },
      'file.write': ({ transfer: id, data }: { transfer: string; data: string }) => {
        const pieces = written.get(id) ?? [];
        pieces.push(fromBase64(data));
        const done_bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
        const whole = done_bytes >= 1_000_000;
        const extra = whole ? { state: 'done' as const, file: `file-${id}` } : {};
        return transfer({
          transfer: id,
          kind: 'add',
          file: null,
          size_bytes: 1_000_000,
          done_bytes,
          ...extra,
        });
      },
      'file.cancel': ({ transfer: id }: { transfer: string }) =>
        transfer({ transfer: id, kind: 'add', state: 'cancelled' }),
    });
    return { client, written, staging: new Staging(client, transfersOf(client)) };
  };
  const file = (name = 'a.bin', size = 1_000_000) => new File([new Uint8Array(size).fill(9)], name);

  it('hands a file over in pieces that fit, and is ready when the node holds it', async () => {
    const { client, written, staging } = node();
    staging.add([file()]);
    expect(staging.ready).toBe(false);
    await vi.waitFor(() => expect(staging.ready).toBe(true));
    expect(staging.files()).toEqual(['file-t0']);
    expect(written.get('t0')?.map((piece) => piece.length)).toEqual([393_216, 393_216, 213_568]);
    for (const { method, params } of client.calls) {
      if (method === 'file.write')
        expect((params as { data: string }).data.length).toBeLessThanOrEqual(524_288);
    }
  });

  it('names a path and no size where the platform gives one', async () => {
    const { client, staging } = node();
    staging.add([{ path: 'C:\\Users\\me\\plan.png' }]);
    await settled(client);
    expect(client.calls).toEqual([{ method: 'file.add', params: { path: 'C:\\Users\\me\\plan.png' } }]);
    expect(staging.items[0]?.name).toBe('plan.png');
    expect(staging.items[0]?.mediaType).toBe('image/png');
  });

  it('takes as many as a message carries and says how many were left out', () => {
    const { staging } = node();
    expect(staging.add(Array.from({ length: 20 }, (_, at) => ({ path: `/${at}` })))).toBe(20 - MOST_FILES);
    expect(staging.items).toHaveLength(MOST_FILES);
    expect(staging.add([{ path: '/more' }])).toBe(1);
  });

  it('stops handing over what was removed, and tells the node', async () => {
    const { client, staging, written } = node();
    const writes = () => client.calls.filter(({ method }) => method === 'file.write').length;
    staging.add([file('large.bin', 4_000_000)]);
    const [staged] = staging.items;
    // While the first piece is under way.
    const answer = client.call;
    client.call = (method, params) => {
      if (method === 'file.write' && staged && !staged.removed) void staging.remove(staged);
      return answer(method, params);
    };
    await vi.waitFor(() => expect(written.get('t0')?.length).toBe(1));
    await settled(client);
    expect(staging.items).toHaveLength(0);
    expect(writes()).toBe(1);
    expect(client.calls).toContainEqual({ method: 'file.cancel', params: { transfer: 't0' } });
  });

  it('tells the node of a file that was removed before it was asked to take it', async () => {
    const { client, staging } = node();
    staging.add([file()]);
    const [staged] = staging.items;
    if (staged) await staging.remove(staged);
    await settled(client);
    expect(client.calls.map(({ method }) => method)).toEqual(['file.add', 'file.cancel']);
  });

  it('keeps a file that failed, to be tried again', async () => {
    let fails = true;
    const client = scripted({
      'file.add': () => {
        if (fails) throw new ApiError('store_full', 'Full.');
        return transfer({ kind: 'add', state: 'done', file: 'whole' });
      },
    });
    const staging = new Staging(client, transfersOf(client));
    staging.add([{ path: '/a' }]);
    await settled(client);
    expect(staging.items[0]?.problem?.code).toBe('store_full');
    expect([staging.failed, staging.ready]).toEqual([true, false]);
    fails = false;
    const [staged] = staging.items;
    if (staged) await staging.retry(staged);
    expect([staging.failed, staging.ready]).toEqual([false, true]);
    expect(staging.files()).toEqual(['whole']);
  });

  it('lets go of the pictures it showed', () => {
    const { staging } = node();
    staging.add([
      new File(['x'], 'a.png', { type: 'image/png' }),
      new File(['x'], 'a.svg', { type: 'image/svg+xml' }),
    ]);
    expect(made).toHaveLength(1);
    staging.clear(staging.items);
    expect(revoked).toEqual(made);
  });
});

describe('the cache of pictures', () => {
  const blob = (bytes: number) => () => Promise.resolve(new Blob([new Uint8Array(bytes)]));
  const tick = () => new Promise((resolve) => setTimeout(resolve, 0));

  it('revokes what nobody shows once the bounds are passed, oldest first, and nothing that is shown', async () => {
    const cache = new BlobCache({ count: 2, bytes: 1_000 });
    const shown = cache.hold('shown', blob(10));
    cache.hold('a', blob(10))();
    cache.hold('b', blob(10))();
    await tick();
    expect(cache.url('shown')).toBe('blob:0');
    expect(cache.url('a')).toBeUndefined();
    expect(cache.url('b')).toBe('blob:2');
    expect(revoked).toEqual(['blob:1']);
    cache.hold('large', blob(2_000));
    await tick();
    expect(cache.url('b')).toBeUndefined();
    expect(cache.url('shown')).toBe('blob:0');
    shown();
    expect(revoked).toContain('blob:0');
  });

  it('loads once for many, and again after a failure nobody kept', async () => {
    const cache = new BlobCache({ count: 9, bytes: 1_000 });
    const load = vi.fn().mockRejectedValueOnce(new Error('no')).mockImplementation(blob(1));
    const stops = [cache.hold('x', load), cache.hold('x', load)];
    await tick();
    expect(load).toHaveBeenCalledTimes(1);
    expect(cache.failed('x')).toBe(true);
    for (const stop of stops) stop();
    cache.hold('x', load);
    await tick();
    expect(cache.url('x')).toBeDefined();
  });

  it('shows a picture that arrives later, and refuses what is no picture', async () => {
    let here = false;
    let media_type = 'image/png';
    const client = scripted({
      'picture.get': () => {
        if (!here) throw new ApiError('not_found', 'Not here.');
        return { picture: 'p', media_type, data: toBase64(new Uint8Array([1, 2])) };
      },
    });
    const pictures = new Pictures(client);
    pictures.hold('p');
    await settled(client);
    expect(pictures.url('p')).toBeUndefined();
    here = true;
    pictures.apply({ revision: 1, type: 'picture.added', picture: 'other' });
    await settled(client);
    expect(pictures.url('p')).toBeUndefined();
    pictures.apply({ revision: 2, type: 'picture.added', picture: 'p' });
    await settled(client);
    expect(pictures.url('p')).toBeDefined();
    media_type = 'image/svg+xml';
    pictures.hold('q');
    await settled(client);
    expect(pictures.url('q')).toBeUndefined();
  });

  it('does not read a file for ever that is shorter than it says', async () => {
    const client = scripted({ 'file.read': () => ({ data: '', size_bytes: 9 }) });
    await expect(new Contents(client).read('f', 9, 'image/png')).rejects.toThrow('too early');
  });
});

describe('the files of a conversation', () => {
  const shared = (number: number, extra = {}): SharedFile => {
    const { message: id, account, name, sent_ms, position } = message(number);
    return { message: id, account, name, sent_ms, position, attachment: attachment(extra) };
  };

  it('come page by page, newest first, and follow what happens', async () => {
    const client = scripted({
      'file.list': ({ before }: { before?: string }) =>
        before === undefined
          ? { transfers: [], files: [shared(9), shared(8)], more: true }
          : { transfers: [], files: [shared(3)], more: false },
    });
    const files = new SharedFiles(client, 'c');
    const stop = files.follow();
    await files.next();
    const ids = () => files.items.map((each) => each.message);
    expect(ids()).toEqual(['m9', 'm8']);
    const sent = (number: number, extra = {}) => message(number, { attachments: [attachment()], ...extra });
    client.emit({ revision: 1, type: 'message.added', message: sent(12) });
    client.emit({ revision: 2, type: 'message.added', message: sent(13, { conversation: 'other' }) });
    client.emit({ revision: 3, type: 'message.changed', message: sent(2) });
    expect(ids()).toEqual(['m12', 'm9', 'm8']);
    const here = [attachment({ state: 'here' })];
    client.emit({ revision: 4, type: 'message.changed', message: sent(9, { attachments: here }) });
    expect(files.items[1]?.attachment.state).toBe('here');
    await files.next();
    expect(client.calls.at(-1)?.params).toMatchObject({ before: shared(8).position });
    expect(ids()).toEqual(['m12', 'm9', 'm8', 'm3']);
    client.emit({
      revision: 5,
      type: 'message.changed',
      message: sent(8, { deleted: true, attachments: [] }),
    });
    expect(ids()).toEqual(['m12', 'm9', 'm3']);
    stop();
    client.emit({ revision: 6, type: 'message.added', message: sent(20) });
    expect(ids()).toHaveLength(3);
  });

  it('say when they cannot be had, and come when asked again', async () => {
    let fails = true;
    const client = scripted({
      'file.list': () => {
        if (fails) throw new ApiError('unreachable', 'Gone.');
        return { transfers: [], files: [shared(1)], more: false };
      },
    });
    const files = new SharedFiles(client, 'c');
    await files.next();
    expect([files.error?.code, files.loaded]).toEqual(['unreachable', false]);
    fails = false;
    await files.next();
    expect([files.error, files.items.length]).toEqual([null, 1]);
  });
});
