/** The little that differs between the desktop window and a browser tab. */
import { browserPlatform } from './browser';
import { desktopPlatform } from './desktop';

export interface Platform {
  /** The desktop shell shows notifications itself; a browser tab cannot be relied on to. */
  readonly desktop: boolean;
  setUnread(count: number): void;
  /** Tells the shell what is being looked at, so that it does not announce what is already on screen. */
  setActive(conversation: string | null, focused: boolean): void;
  openExternal(url: string): void;
  copy(text: string): Promise<void>;
  /** Reports focus and visibility at once and on each change; returns how to stop. */
  onFocus(handler: (focused: boolean) => void): () => void;
}

export function choosePlatform(): Platform {
  return '__TAURI_INTERNALS__' in window ? desktopPlatform() : browserPlatform();
}

export function watchFocus(handler: (focused: boolean) => void): () => void {
  const report = () => handler(document.visibilityState === 'visible' && document.hasFocus());
  report();
  window.addEventListener('focus', report);
  window.addEventListener('blur', report);
  document.addEventListener('visibilitychange', report);
  return () => {
    window.removeEventListener('focus', report);
    window.removeEventListener('blur', report);
    document.removeEventListener('visibilitychange', report);
  };
}
