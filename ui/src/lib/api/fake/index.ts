/**
 * The whole app without a node. The query says which scene: `?fake=30` (messages in the main conversation),
 * `&people=500`, `&scene=new|passphrase|locked|broken|alone`, `&quiet` (nobody acts on their own), `&code=5` (a code for
 * a new device is good for so many seconds).
 */
import type { AppState, AppStatus, Event, EventBody } from '$lib/api/generated';
import { ApiError, type Client, type Method, type Params, type Result } from '../client';
import { Album } from './album';
import { answers, devicesOf, type Scene } from './answers';
import { Desk } from './desk';
import { Office } from './office';
import { makeWorld } from './world';

const STOPPED: Partial<Record<string, AppState>> = {
  new: 'no_account',
  alone: 'no_account',
  passphrase: 'needs_passphrase',
  locked: 'locked',
  broken: 'broken',
};

export function fakeClient(wanted: URLSearchParams): Client {
  const name = wanted.get('scene') ?? '';
  const alone = name === 'alone';
  const fresh = name === 'new' || alone;
  const people = Number(wanted.get('people') ?? 14);
  const world = makeWorld({
    people: alone ? 0 : people,
    messages: fresh ? 0 : Number(wanted.get('fake') || 30),
    now: Date.now(),
  });

  let revision = 1;
  const handlers = new Set<(event: Event) => void>();
  const emit = (event: EventBody) => {
    revision += 1;
    const whole = { ...structuredClone(event), revision } as Event;
    for (const handler of handlers) handler(whole);
  };
  const office = new Office(world, emit, wanted.has('quiet'));
  const scene: Scene = {
    world,
    office,
    desk: new Desk(world, emit),
    album: new Album(emit),
    devices: devicesOf(world),
    codeMs: Number(wanted.get('code') ?? 600) * 1_000,
    emit,
    revision: () => revision,
    status: statusOf(STOPPED[name] ?? 'ready'),
  };
  office.open();

  return {
    async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
      await new Promise((resolve) => setTimeout(resolve, 4));
      const answer = answers[method];
      if (!answer) throw new ApiError('unknown_method', `There is no method ${method}.`);
      return structuredClone(await answer(scene, params)) as Result<M>;
    },
    events(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    link: () => () => undefined,
  };
}

export type Emit = (event: EventBody) => void;

export function statusOf(state: AppState): AppStatus {
  const words: Partial<Record<AppState, [string, string, string]>> = {
    locked: [
      'locked',
      'Another Anser already uses this profile.',
      'Close the other window or program, then try again.',
    ],
    broken: [
      'too_new',
      'This folder was written by a newer Anser (format 9, this program knows up to 4): install the newer version.',
      '',
    ],
    needs_passphrase: ['', 'This profile is protected by a passphrase.', 'Enter it to open your messages.'],
  };
  const [word, message, advice] = words[state] ?? ['', '', ''];
  return {
    state,
    case: word,
    message,
    advice,
    data_dir: '/home/robin/.local/share/anser',
    protection: 'keyring',
    version: '0.1.0',
  };
}
