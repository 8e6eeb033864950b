import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memory } from '../../testing';
import { rpcClient, takeToken } from './rpc';

class Socket {
  static all: Socket[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  sent: { id: number; method: string; params: unknown }[] = [];
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  answer(body: object) {
    this.onmessage?.({ data: JSON.stringify({ jsonrpc: '2.0', ...body }) });
  }
}

const connect = () => {
  const client = rpcClient(
    'ws://host/rpc',
    'secret',
    (url, protocols) => new Socket(url, protocols) as never,
  );
  return { client, socket: Socket.all.at(-1)! };
};

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
});
afterEach(() => void vi.useRealTimers());

describe('the socket client', () => {
  it('hands the token over as a subprotocol and subscribes first', async () => {
    const { client, socket } = connect();
    expect(socket.protocols).toEqual(['anser.v1', 'anser.token.secret']);
    socket.onopen?.();
    const asked = client.call('settings.get', {});
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.sent.map((request) => request.method)).toEqual(['events.subscribe', 'settings.get']);
    socket.answer({ id: socket.sent[1]?.id, result: { theme: 'dark' } });
    await expect(asked).resolves.toEqual({ theme: 'dark' });
  });

  it('gives errors by their stable code and events in order', async () => {
    const { client, socket } = connect();
    const seen: number[] = [];
    client.events((event) => seen.push(event.revision));
    socket.onopen?.();
    const asked = client.call('account.get', {});
    await vi.advanceTimersByTimeAsync(0);
    socket.answer({ method: 'event', params: { revision: 1 } });
    socket.answer({ method: 'event', params: { revision: 2 } });
    const error = { code: -32000, message: 'none', data: { code: 'no_account' } };
    socket.answer({ id: socket.sent[1]?.id, error });
    await expect(asked).rejects.toMatchObject({ code: 'no_account', message: 'none' });
    expect(seen).toEqual([1, 2]);
  });

  it('fails calls under way when the socket goes, and connects again', async () => {
    const { client, socket } = connect();
    const states: string[] = [];
    client.link((state) => states.push(state));
    socket.onopen?.();
    const asked = client.call('account.get', {});
    const failed = expect(asked).rejects.toMatchObject({ code: 'unreachable' });
    await vi.advanceTimersByTimeAsync(0);
    socket.onclose?.();
    await failed;
    await vi.advanceTimersByTimeAsync(300);
    expect(Socket.all).toHaveLength(2);
    Socket.all[1]?.onopen?.();
    expect(states).toEqual(['open', 'lost', 'open']);
  });
});

it('takes the token out of the address bar and keeps it for a reload', () => {
  const storage = memory();
  const history = { replaceState: vi.fn() };
  const at = (hash: string) => ({ hash, pathname: '/', search: '' }) as Location;
  expect(takeToken(at('#token=abc'), history as never, storage)).toBe('abc');
  expect(history.replaceState).toHaveBeenCalledWith(null, '', '/');
  expect(takeToken(at(''), history as never, storage)).toBe('abc');
});
