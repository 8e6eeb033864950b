/**
 * What the desktop program asks of the page: to open a conversation or an `anser:` link, and to say when it has
 * painted. The program only says that there is something; the page fetches it once it can show it.
 */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { ApiError } from '$lib/api/client';
import type { App } from '$lib/state/app.svelte';
import { followLink } from '$lib/state/links';

type Opening = { conversation: string } | { link: string };

export function followShell(app: App): void {
  const open = async () => {
    const opening = await invoke<Opening | null>('opening');
    if (opening === null) return;
    if ('conversation' in opening) return app.open(opening.conversation);
    try {
      const waiting = (await followLink(app, opening.link)) === 'waiting';
      if (waiting) app.toasts.show(app.i18n.t('join.waiting'), { lasting: true });
    } catch (thrown) {
      app.toasts.show(app.explain(ApiError.from(thrown)), { tone: 'error' });
    }
  };
  $effect.root(() => {
    $effect(() => {
      if (app.connection.phase !== 'ready') return;
      const listening = listen('opening', () => void open());
      void listening.then(open);
      return () => void listening.then((stop) => stop());
    });
  });
  requestAnimationFrame(() => requestAnimationFrame(() => void invoke('painted')));
}
