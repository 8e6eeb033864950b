/** `anser:` links and addresses, wherever they were pasted or opened. */
import type { App } from './app.svelte';

export const isInvitation = (text: string): boolean => /^anser:invite\//i.test(text.trim());

/**
 * Goes where a link leads. `waiting`: an invitation whose sender cannot be reached just now; the conversation
 * appears by itself. Rejects with an `ApiError`.
 */
export async function followLink(app: App, text: string): Promise<'done' | 'waiting'> {
  const link = text.trim();
  if (isInvitation(link)) {
    const conversation = await app.client.call('invite.accept', { link });
    if (conversation === null) return 'waiting';
    app.conversations.put(conversation);
    app.open(conversation.conversation);
  } else if (/^anser:/i.test(link)) {
    const { account } = await app.client.call('contact.add', { card: link });
    await app.openPerson(account);
  } else {
    await app.client.call('peer.dial', { address: link });
  }
  return 'done';
}
