/** The Tauri window: badge, focus and links go through commands of the shell. */
import { invoke } from '@tauri-apps/api/core';
import { watchFocus, type Platform } from './index';

export function desktopPlatform(): Platform {
  // A shell that lacks one of these conveniences must not take the app down.
  const tell = (command: string, args: Record<string, unknown>) => {
    invoke(command, args).catch((reason: unknown) => console.warn(command, reason));
  };
  return {
    desktop: true,
    setUnread: (count) => tell('set_unread', { count }),
    setActive: (conversation, focused) => tell('set_active', { conversation, focused }),
    openExternal: (url) => tell('open_external', { url }),
    copy: (text) => navigator.clipboard.writeText(text),
    onFocus: watchFocus,
  };
}
