/** Calls and events over the desktop shell's bridge: the command `rpc` and the event `anser`. */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { Event } from '$lib/api/generated';
import { ApiError, type Client, type Method, type Params, type Result } from './client';

export function tauriClient(): Client {
  const handlers = new Set<(event: Event) => void>();
  // Calls wait for the listener, so that no event between subscribing and the first snapshot is missed.
  const listening = listen<Event>('anser', ({ payload }) => {
    for (const handler of handlers) handler(payload);
  });

  return {
    async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
      try {
        await listening;
        return await invoke<Result<M>>('rpc', { method, params });
      } catch (thrown) {
        throw ApiError.from(thrown);
      }
    },
    events(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    link: () => () => undefined,
  };
}
