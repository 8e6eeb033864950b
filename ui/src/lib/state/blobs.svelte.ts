/**
 * Pictures as object URLs: loaded when something first shows them, kept while something does, and for a while
 * after. Invariant: a URL that is shown is never revoked; what nobody shows goes, longest unused first, once the
 * bounds are passed.
 */
import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

export interface Bounds {
  count: number;
  bytes: number;
}

type Load = (stopped: () => boolean) => Promise<Blob>;
type Shown = { url: string; bytes: number } | 'failed';

interface Holding {
  holders: number;
  load: Load;
  loading: boolean;
}

export class BlobCache {
  /** What there is to show. */
  #shown = new SvelteMap<string, Shown>();
  /** Everything wanted or kept; longest unused first. */
  #holdings = new Map<string, Holding>();
  #bytes = 0;

  constructor(readonly bounds: Bounds) {}

  /** The URL, or nothing while it is not here. */
  url(id: string): string | undefined {
    const shown = this.#shown.get(id);
    return shown === undefined || shown === 'failed' ? undefined : shown.url;
  }

  failed(id: string): boolean {
    return this.#shown.get(id) === 'failed';
  }

  /** Says that something shows this; returns how to say that it does so no more. */
  hold(id: string, load: Load): () => void {
    const holding = this.#holdings.get(id) ?? { holders: 0, load, loading: false };
    holding.holders += 1;
    holding.load = load;
    this.#holdings.delete(id);
    this.#holdings.set(id, holding);
    untrack(() => {
      if (!this.#shown.has(id)) void this.#fill(id, holding);
    });
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      holding.holders -= 1;
      this.#evict();
    };
  }

  /** Tries again what failed, where it is still wanted. */
  again(id: string): void {
    if (untrack(() => this.#shown.get(id)) !== 'failed') return;
    this.#shown.delete(id);
    const holding = this.#holdings.get(id);
    if (holding && holding.holders > 0) void this.#fill(id, holding);
  }

  /** Tries again everything that failed. */
  allAgain(): void {
    for (const [id, shown] of [...this.#shown]) if (shown === 'failed') this.again(id);
  }

  async #fill(id: string, holding: Holding): Promise<void> {
    if (holding.loading) return;
    holding.loading = true;
    try {
      const blob = await holding.load(() => holding.holders === 0);
      this.#shown.set(id, { url: URL.createObjectURL(blob), bytes: blob.size });
      this.#bytes += blob.size;
    } catch {
      this.#shown.set(id, 'failed');
    } finally {
      holding.loading = false;
    }
    this.#evict();
  }

  #evict(): void {
    for (const [id, { holders, loading }] of this.#holdings) {
      const shown = untrack(() => this.#shown.get(id));
      const over = this.#holdings.size > this.bounds.count || this.#bytes > this.bounds.bytes;
      if (holders > 0 || loading) continue;
      // A failure that nobody looks at is forgotten, so that the next look tries again.
      if (!over && shown !== 'failed') continue;
      this.#holdings.delete(id);
      this.#shown.delete(id);
      if (shown === undefined || shown === 'failed') continue;
      this.#bytes -= shown.bytes;
      URL.revokeObjectURL(shown.url);
    }
  }
}
