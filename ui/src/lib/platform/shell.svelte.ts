/**
 * What the desktop program asks of the page: to open a conversation or an `anser:` link, and to say when it has
 * painted. The program only says that there is something; the page fetches it once it can show it.
 */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { App } from '$lib/state/app.svelte';

type Opening = { conversation: string } | { link: string };

export function followShell(app: App): void {
  const open = async () => {
    const opening = await invoke<Opening | null>('opening');
    if (opening === null) return;
    if ('conversation' in opening) return app.open(opening.conversation);
    const contact = await app.attempt('contact.add', { card: opening.link });
    if (contact) await app.openPerson(contact.account);
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
