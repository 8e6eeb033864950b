/** Whether a scroll comes from a person. Layout scrolls as well, and must not count as leaving a place. */
const RECENT_MS = 700;

export class Hand {
  #last = -Infinity;
  #held = false;

  moves(): boolean {
    return this.#held || performance.now() - this.#last < RECENT_MS;
  }

  watch = (element: HTMLElement): (() => void) => {
    const stop = new AbortController();
    const options = { signal: stop.signal, passive: true, capture: true };
    const touch = () => (this.#last = performance.now());
    for (const name of ['wheel', 'touchmove', 'keydown']) element.addEventListener(name, touch, options);
    // A held pointer may be dragging the scrollbar.
    element.addEventListener('pointerdown', () => (this.#held = true), options);
    const release = () => {
      if (this.#held) touch();
      this.#held = false;
    };
    window.addEventListener('pointerup', release, options);
    window.addEventListener('pointercancel', release, options);
    return () => stop.abort();
  };
}
