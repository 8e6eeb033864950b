/** The Tauri window: badge, focus and links go through commands of the shell, files come as paths. */
import { invoke } from '@tauri-apps/api/core';
import { getCurrentWebview } from '@tauri-apps/api/webview';
import { open, save } from '@tauri-apps/plugin-dialog';
import { download, watchFocus, type Dropping, type Platform } from './index';

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
    async chooseFiles(title) {
      const paths = (await open({ title, multiple: true })) ?? [];
      return paths.map((path) => ({ path }));
    },
    choosePath: (title, ending) => open({ title, filters: [{ name: ending, extensions: [ending, '*'] }] }),
    choosePlace: (title, name) => save({ title, defaultPath: name }),
    download,
    onDrop: followDrops,
  };
}

/** The web view keeps dropped files from the page and tells their paths instead. */
function followDrops({ over, drop }: Dropping): () => void {
  const listening = getCurrentWebview().onDragDropEvent(({ payload }) => {
    if (payload.type === 'over') return;
    over(payload.type === 'enter' && payload.paths.length > 0);
    if (payload.type === 'drop' && payload.paths.length > 0) drop(payload.paths.map((path) => ({ path })));
  });
  listening.catch((reason: unknown) => console.warn('drag and drop', reason));
  return () => void listening.then((stop) => stop());
}
