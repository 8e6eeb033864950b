/** For tests: a client whose answers are given by the test, and makers of small models. */
import type { Attachment, Conversation, Event, Message, Transfer } from '$lib/api/generated';
import { ApiError, type Client, type Method, type Params } from '$lib/api/client';

type Answers = Partial<Record<Method, (params: never) => unknown>>;

export interface Scripted extends Client {
  calls: { method: Method; params: unknown }[];
  emit(event: Event): void;
  /** Resolves when every call begun so far has been answered. */
  idle(): Promise<void>;
}

export function scripted(answers: Answers): Scripted {
  const handlers = new Set<(event: Event) => void>();
  const calls: Scripted['calls'] = [];
  return {
    calls,
    async call<M extends Method>(method: M, params: Params<M>) {
      calls.push({ method, params });
      await Promise.resolve();
      const answer = answers[method];
      if (!answer) throw new ApiError('unknown_method', method);
      return (await answer(params as never)) as never;
    },
    events(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    link: () => () => undefined,
    emit: (event) => handlers.forEach((handler) => handler(event)),
    idle: () => new Promise((resolve) => setTimeout(resolve, 0)),
  };
}

export function message(number: number, extra: Partial<Message> = {}): Message {
  return {
    message: `m${number}`,
    conversation: 'c',
    account: 'alice',
    name: 'Alice',
    device: 'd',
    kind: 'text',
    text: `text ${number}`,
    sent_ms: number * 1_000,
    received_ms: number * 1_000,
    edited: false,
    deleted: false,
    own: false,
    reply_to: null,
    reactions: [],
    attachments: [],
    state: 'delivered',
    notice: null,
    position: String(number).padStart(8, '0'),
    ...extra,
  };
}

export function conversation(extra: Partial<Conversation> = {}): Conversation {
  return {
    conversation: 'c',
    kind: 'group',
    title: 'Group',
    avatar: null,
    members: [],
    unread: 0,
    read_up_to: null,
    last: null,
    muted: false,
    archived: false,
    draft: '',
    request: false,
    writable: true,
    role: 'member',
    active_ms: 0,
    forked_devices: [],
    ...extra,
  };
}

export function attachment(extra: Partial<Attachment> = {}): Attachment {
  return {
    file: 'f',
    name: 'plan.pdf',
    size_bytes: 1_000,
    media_type: 'application/pdf',
    state: 'absent',
    received_bytes: 0,
    transfer: null,
    ...extra,
  };
}

export function transfer(extra: Partial<Transfer> = {}): Transfer {
  return {
    transfer: 't',
    kind: 'fetch',
    state: 'running',
    file: 'f',
    name: 'plan.pdf',
    size_bytes: 1_000,
    done_bytes: 0,
    conversation: 'c',
    message: 'm1',
    sources: 1,
    code: null,
    reason: null,
    path: null,
    ...extra,
  };
}

/** Storage that a test can look into. */
export function memory(): Storage {
  const map = new Map<string, string>();
  return {
    get length() {
      return map.size;
    },
    clear: () => map.clear(),
    getItem: (key) => map.get(key) ?? null,
    key: (index) => [...map.keys()][index] ?? null,
    removeItem: (key) => void map.delete(key),
    setItem: (key, value) => void map.set(key, value),
  };
}
