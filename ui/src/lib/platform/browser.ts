/** A browser tab: the unread count goes into the title, links open in a tab of their own, files come as contents. */
import { download, watchFocus, type Platform } from './index';

const TITLE = 'Anser';

export function browserPlatform(): Platform {
  return {
    desktop: false,
    setUnread(count) {
      document.title = count > 0 ? `(${count}) ${TITLE}` : TITLE;
    },
    setActive: () => undefined,
    openExternal(url) {
      window.open(url, '_blank', 'noopener,noreferrer');
    },
    copy: (text) => navigator.clipboard.writeText(text),
    onFocus: watchFocus,
    chooseFiles: () =>
      new Promise((resolve) => {
        const input = document.createElement('input');
        input.type = 'file';
        input.multiple = true;
        input.onchange = () => resolve([...(input.files ?? [])]);
        input.oncancel = () => resolve([]);
        input.click();
      }),
    choosePath: () => Promise.resolve(null),
    choosePlace: () => Promise.resolve(null),
    download,
    // The page hears of it itself.
    onDrop: () => () => undefined,
  };
}
