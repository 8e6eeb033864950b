/** Where an arrow key or its like leads in a list of `count` rows; `undefined` for other keys. */
const PAGE = 10;

export function stepTo(event: KeyboardEvent, from: number, count: number): number | undefined {
  if (event.altKey || event.ctrlKey || event.metaKey) return undefined;
  const to = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + PAGE,
    PageUp: from - PAGE,
    Home: 0,
    End: count - 1,
  }[event.key];
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to));
}
