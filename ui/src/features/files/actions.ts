/** Choosing files to send, and saving those of others. */
import { ApiError } from '$lib/api/client';
import type { Attachment } from '$lib/api/generated';
import type { App } from '$lib/state/app.svelte';
import { MOST_FILES, type Source } from '$lib/state/staging.svelte';
import { filesOf } from './drop.svelte';

export function attach(app: App, conversation: string, sources: Source[]): void {
  const left = app.staging(conversation).add(sources);
  if (left > 0) {
    app.toasts.show(app.i18n.t('composer.too_many', { left, most: MOST_FILES }), { tone: 'error' });
  }
}

export async function chooseFiles(app: App, conversation: string): Promise<void> {
  await asking(app, async () =>
    attach(app, conversation, await app.platform.chooseFiles(app.i18n.t('composer.attach'))),
  );
}

/** Pictures and files that were copied elsewhere; where there is text as well, the text is meant. */
export function paste(app: App, conversation: string, event: ClipboardEvent): void {
  const data = event.clipboardData;
  if (!data || data.types.includes('text/plain')) return;
  const { files } = filesOf(data);
  if (files.length === 0) return;
  event.preventDefault();
  attach(app, conversation, files);
}

/** On the desktop the person chooses the place; in a browser it goes where downloads go. */
export async function saveAs(app: App, message: string, attachment: Attachment): Promise<void> {
  const { platform, transfers, i18n } = app;
  const { name } = attachment;
  await asking(app, async () => {
    if (!platform.desktop) {
      return transfers.download(message, attachment, (content) => platform.download(name, content));
    }
    const path = await platform.choosePlace(i18n.t('file.save_title', { name }), name);
    if (path !== null) await transfers.save(message, attachment, path);
  });
}

/** The system's own dialogs may be missing, too. */
async function asking(app: App, ask: () => Promise<void>): Promise<void> {
  try {
    await ask();
  } catch (thrown) {
    app.toasts.show(app.explain(ApiError.from(thrown)), { tone: 'error' });
  }
}
