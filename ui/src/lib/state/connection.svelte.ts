/**
 * Keeps the app's picture equal to the node's: subscribe first, take a snapshot, then apply events in order.
 * Invariant: every domain has applied exactly the snapshot and the events up to `revision`. A gap in revisions
 * takes a new snapshot; events that arrive meanwhile wait.
 */
import { ApiError, type Client } from '$lib/api/client';
import type { AppStatus, Event, Snapshot } from '$lib/api/generated';

/** A part of the picture. */
export interface Domain {
  reset(snapshot: Snapshot): void;
  apply(event: Event): void;
}

export type Phase = 'starting' | 'onboarding' | 'stopped' | 'ready';

/** More than this waiting for a snapshot means that the snapshot is too old to build on anyway. */
const MOST_WAITING = 10_000;
const RETRY_MS = 2_000;

export class Connection {
  phase: Phase = $state('starting');
  status: AppStatus | null = $state(null);
  /** False while the transport is down; what is shown may be old. */
  linked: boolean = $state(true);
  revision = 0;

  #client: Client;
  #domains: Domain[];
  #waiting: Event[] | null = null;
  #stops: (() => void)[] = [];
  #stopped = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Client, domains: Domain[]) {
    this.#client = client;
    this.#domains = domains;
  }

  /** Finds out in which state the node is and follows it from then on. */
  async start(): Promise<void> {
    this.#stops.push(this.#client.events((event) => this.receive(event)));
    this.#stops.push(
      this.#client.link((state) => {
        this.linked = state === 'open';
        if (this.linked) void this.look();
      }),
    );
    await this.look();
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
  }

  /** Asks the node how it is, and shows what fits. */
  async look(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      await this.settle(await this.#client.call('app.status', {}));
      this.linked = true;
    } catch (thrown) {
      const error = ApiError.from(thrown);
      this.linked = false;
      if (error.code !== 'unreachable') console.error(error.code, error.message);
      if (!this.#stopped) this.#retry = setTimeout(() => void this.look(), RETRY_MS);
    }
  }

  /** Takes over a status the node gave, be it asked for or the answer to an unlock or retry. */
  async settle(status: AppStatus): Promise<void> {
    this.status = status;
    if (status.state === 'ready') {
      await this.snapshot();
      this.phase = 'ready';
    } else {
      this.phase = status.state === 'no_account' ? 'onboarding' : 'stopped';
    }
  }

  async snapshot(): Promise<void> {
    if (this.#waiting) return;
    this.#waiting = [];
    try {
      const snapshot = await this.#client.call('state.snapshot', {});
      this.revision = snapshot.revision;
      for (const domain of this.#domains) domain.reset(snapshot);
    } finally {
      const waiting = this.#waiting;
      this.#waiting = null;
      for (const event of waiting) this.receive(event);
    }
  }

  receive(event: Event): void {
    if (this.phase === 'onboarding') {
      for (const domain of this.#domains) domain.apply(event);
    } else if (this.#waiting) {
      if (this.#waiting.length < MOST_WAITING) this.#waiting.push(event);
    } else if (event.revision === this.revision + 1) {
      this.revision = event.revision;
      for (const domain of this.#domains) domain.apply(event);
    } else if (event.revision > this.revision && this.phase === 'ready') {
      this.snapshot().catch(() => this.look());
    }
  }
}
