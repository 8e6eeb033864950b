/** A virtual list shows a row only once it is measured, a frame or a few after it was asked to be there. */
const MOST_FRAMES = 20;

export function focusSoon(find: () => HTMLElement | null | undefined, frames = MOST_FRAMES): void {
  const element = find();
  element?.focus({ preventScroll: true });
  if (frames > 0 && (!element || document.activeElement !== element)) {
    requestAnimationFrame(() => focusSoon(find, frames - 1));
  }
}
