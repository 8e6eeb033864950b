/**
 * The one way the app talks to a node. What carries the calls (the desktop bridge, a WebSocket, an in-page fake)
 * is chosen once at the start; nothing above this file knows which it was.
 */
import type { ErrorCode, Event, Methods } from '$lib/api/generated';

export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M]['params'];
export type Result<M extends Method> = Methods[M]['result'];

/** `lost`: calls fail until the transport is back; state must be taken afresh after `open`. */
export type LinkState = 'open' | 'lost';

export interface Client {
  /** Rejects with an {@link ApiError} only. */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>;
  /** Events in order from now on; returns how to stop. Subscribe before asking for a snapshot. */
  events(handler: (event: Event) => void): () => void;
  /** Reports each change of the transport itself; returns how to stop. */
  link(handler: (state: LinkState) => void): () => void;
}

/** What went wrong, by a stable word in `code`; `message` is written for people. */
export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  static from(thrown: unknown): ApiError {
    if (thrown instanceof ApiError) return thrown;
    if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
      const { code, message, data } = thrown as { code: unknown; message: unknown; data?: unknown };
      return new ApiError(String(code) as ErrorCode, String(message), data);
    }
    return new ApiError('internal', thrown instanceof Error ? thrown.message : String(thrown));
  }
}
