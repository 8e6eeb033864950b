/**
 * JSON-RPC 2.0 over one WebSocket to the host that served the page (`anser ui`).
 * The link's token is taken out of the address bar at once and travels as a subprotocol, never in a URL.
 * A lost socket is opened again with backoff; calls under way fail with `unreachable`, none is repeated.
 */
import type { ErrorCode, Event } from '$lib/api/generated';
import { ApiError, type Client, type LinkState, type Method, type Params, type Result } from './client';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: ApiError): void;
}

interface Answer {
  id?: number | null;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: { code?: ErrorCode; detail?: unknown } };
}

/** Reads the token from `#token=…` or `#…`, and removes it from the address bar. */
export function takeToken(location: Location, history: History, storage: Storage): string {
  const fragment = location.hash.slice(1);
  const given = new URLSearchParams(fragment).get('token') ?? fragment;
  if (given === '') return storage.getItem('anser.token') ?? '';
  storage.setItem('anser.token', given);
  history.replaceState(null, '', location.pathname + location.search);
  return given;
}

export function rpcClient(url: string, token: string, open = openSocket): Client {
  const pending = new Map<number, Pending>();
  const eventHandlers = new Set<(event: Event) => void>();
  const linkHandlers = new Set<(state: LinkState) => void>();
  let next = 1;
  let wait = FIRST_WAIT_MS;
  let ready = connect();
  ready.catch(() => undefined);

  function connect(): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const socket = open(url, ['anser.v1', `anser.token.${token}`]);
      socket.onopen = () => {
        wait = FIRST_WAIT_MS;
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: next++, method: 'events.subscribe', params: {} }));
        resolve(socket);
        for (const handler of linkHandlers) handler('open');
      };
      socket.onmessage = ({ data }) => receive(JSON.parse(String(data)) as Answer);
      socket.onclose = () => {
        reject(lost());
        for (const handler of linkHandlers) handler('lost');
        for (const call of pending.values()) call.reject(lost());
        pending.clear();
        ready = later();
        ready.catch(() => undefined);
      };
    });
  }

  function later(): Promise<WebSocket> {
    const delay = wait;
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    return new Promise((resolve, reject) => {
      setTimeout(() => connect().then(resolve, reject), delay);
    });
  }

  function receive(answer: Answer) {
    if (answer.method === 'event') {
      for (const handler of eventHandlers) handler(answer.params as Event);
      return;
    }
    const call = pending.get(answer.id ?? 0);
    if (!call) return;
    pending.delete(answer.id ?? 0);
    if (answer.error) {
      const { message, data } = answer.error;
      call.reject(new ApiError(data?.code ?? 'internal', message, data?.detail));
    } else {
      call.resolve(answer.result);
    }
  }

  return {
    async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
      const socket = await ready;
      const id = next++;
      return new Promise<Result<M>>((resolve, reject) => {
        pending.set(id, { resolve: (value) => resolve(value as Result<M>), reject });
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      });
    },
    events(handler) {
      eventHandlers.add(handler);
      return () => eventHandlers.delete(handler);
    },
    link(handler) {
      linkHandlers.add(handler);
      return () => linkHandlers.delete(handler);
    },
  };
}

function openSocket(url: string, protocols: string[]): WebSocket {
  return new WebSocket(url, protocols);
}

function lost(): ApiError {
  return new ApiError('unreachable', 'The program behind this page does not answer.');
}
