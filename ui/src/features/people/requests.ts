/** The answers to somebody who writes for the first time, and whether one wants to hear from somebody at all. */
import type { Conversation } from '$lib/api/generated';
import type { App } from '$lib/state/app.svelte';

export async function accept(app: App, request: Conversation): Promise<void> {
  const conversation = await app.attempt('conversation.accept', { conversation: request.conversation });
  if (!conversation) return;
  app.conversations.put(conversation);
  app.open(conversation.conversation);
  app.toasts.show(app.i18n.t('request.accepted', { name: app.title(conversation) }));
}

export async function decline(app: App, request: Conversation): Promise<void> {
  const done = await app.attempt('conversation.decline', { conversation: request.conversation });
  if (done === undefined) return;
  app.conversations.remove(request.conversation);
  app.toasts.show(app.i18n.t('request.declined'));
}

export async function block(app: App, request: Conversation): Promise<void> {
  const account = app.conversations.other(request);
  if (account !== undefined && (await setBlocked(app, account, true))) {
    app.conversations.remove(request.conversation);
  }
}

/** Whether it was done. */
export async function setBlocked(app: App, account: string, blocked: boolean): Promise<boolean> {
  return (await app.attempt('contact.block', { account, blocked })) !== undefined;
}
