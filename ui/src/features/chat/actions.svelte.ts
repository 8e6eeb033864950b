/** What can be done with a message, by pointer or key; shared by the rows of one list. */
import type { Message } from '$lib/api/generated';
import type { App } from '$lib/state/app.svelte';
import type { Compose } from './compose.svelte';

export class MessageActions {
  /** The row under the pointer or with the focus: it shows its buttons. */
  near: string | null = $state(null);
  /** The row in the tab order; the last one until another had the focus. */
  active: string | null = $state(null);
  /** What a popover is open for, and the element it stands at. */
  delivery: { message: Message; anchor: HTMLElement } | null = $state.raw(null);
  reacting: { message: Message; anchor: HTMLElement } | null = $state.raw(null);

  constructor(
    readonly app: App,
    readonly compose: Compose,
  ) {}

  canEdit(message: Message): boolean {
    return message.own && message.kind === 'text' && !message.deleted && this.#writable(message);
  }

  canDelete(message: Message): boolean {
    return this.canEdit(message);
  }

  canAnswer(message: Message): boolean {
    return message.kind === 'text' && !message.deleted && this.#writable(message);
  }

  #writable(message: Message): boolean {
    return this.app.conversations.get(message.conversation)?.writable ?? false;
  }

  /** Whether the key meant something here. */
  key(event: KeyboardEvent, message: Message): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const act = this.#actOf(event, message);
    if (!act) return false;
    event.preventDefault();
    event.stopPropagation();
    act();
    return true;
  }

  #actOf(event: KeyboardEvent, message: Message): (() => void) | undefined {
    const anchor = event.target as HTMLElement;
    switch (event.key) {
      case 'r':
        return this.canAnswer(message) ? () => this.compose.replyTo(message) : undefined;
      case '+':
        return this.canAnswer(message) ? () => (this.reacting = { message, anchor }) : undefined;
      case 'e':
        return this.canEdit(message) ? () => this.compose.edit(message) : undefined;
      case 'c':
        return message.text ? () => void this.copy(message) : undefined;
      case 'Delete':
        return this.canDelete(message) ? () => void this.remove(message) : undefined;
      case 'i':
        return message.own ? () => (this.delivery = { message, anchor }) : undefined;
      case 'Escape':
        return () => this.compose.focus();
      default:
        return undefined;
    }
  }

  async copy(message: Message): Promise<void> {
    await this.app.platform.copy(message.text);
    this.app.toasts.show(this.app.i18n.t('message.copied'));
  }

  async remove(message: Message): Promise<void> {
    const { t } = this.app.i18n;
    const sure = await this.app.confirm(
      t('message.delete_title'),
      t('message.delete_text'),
      t('action.delete'),
    );
    if (sure) await this.app.attempt('message.delete', { message: message.message });
  }

  async react(message: Message, emoji: string): Promise<void> {
    const given = message.reactions.find((each) => each.emoji === emoji)?.accounts ?? [];
    await this.app.attempt('message.react', {
      message: message.message,
      emoji,
      on: !given.includes(this.app.self),
    });
  }
}
