/** A browser tab: the unread count goes into the title, links open in a tab of their own. */
import { watchFocus, type Platform } from './index';

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
  };
}
