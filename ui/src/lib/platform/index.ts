/** The little that differs between the desktop window and a browser tab. */
import type { Source } from '$lib/state/staging.svelte';
import { browserPlatform } from './browser';
import { desktopPlatform } from './desktop';

/** Files that are dragged over the window, where the page itself is not told of them. */
export interface Dropping {
  over(over: boolean): void;
  drop(files: Source[]): void;
}

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
  /** Asks for files to send; none: the person thought better of it. */
  chooseFiles(title: string): Promise<Source[]>;
  /** Asks for one file of this computer; `null`: thought better of it. Only where `desktop`. */
  choosePath(title: string, ending: string): Promise<string | null>;
  /** Asks where to write a file, and before one is replaced. Only where `desktop`. */
  choosePlace(title: string, name: string): Promise<string | null>;
  /** Hands content to the person as a browser does with a download. */
  download(name: string, content: Blob): void;
  /** Follows what is dragged over the window by a shell that keeps it from the page; returns how to stop. */
  onDrop(dropping: Dropping): () => void;
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

/** Longer than any browser needs to begin with a download. */
const KEPT_MS = 60_000;

export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
