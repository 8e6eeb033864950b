/**
 * Puts the domains together and gives them to the components by context. It holds what only the window knows:
 * which conversation is open and which panel stands beside it.
 */
import { getContext, setContext } from 'svelte';
import { ApiError, type Client, type Method, type Params, type Result } from '$lib/api/client';
import type { Conversation, Event, Message, Transfer } from '$lib/api/generated';
import { list } from '$lib/i18n/format';
import type { I18n } from '$lib/i18n/i18n.svelte';
import type { Platform } from '$lib/platform';
import { toText } from '$lib/text/markdown';
import { Connection } from './connection.svelte';
import { Contents } from './contents.svelte';
import { Conversations } from './conversations.svelte';
import { Drafts } from './drafts.svelte';
import { Linking } from './linking.svelte';
import { Messages } from './messages.svelte';
import { People } from './people.svelte';
import { Pictures } from './pictures.svelte';
import type { Prefs } from './prefs.svelte';
import { Settings } from './settings.svelte';
import { Staging } from './staging.svelte';
import { Toasts } from './toasts.svelte';
import { Transfers } from './transfers.svelte';
import { Typing } from './typing.svelte';

export type Overlay = 'switcher' | 'shortcuts' | 'settings' | 'new-group' | 'invite' | 'join' | null;
export type SettingsSection =
  'profile' | 'appearance' | 'notifications' | 'privacy' | 'devices' | 'backup' | 'about';
export type Panel = 'details' | 'search' | null;

/** A picture of a message, shown large. */
export interface Looking {
  message: Message;
  file: string;
}

/** Something to be confirmed before it is done. */
export interface Question {
  title: string;
  text: string;
  action: string;
  answer: (yes: boolean) => void;
}

export class App {
  readonly people = new People();
  readonly conversations: Conversations;
  readonly messages: Messages;
  readonly typing: Typing;
  readonly settings: Settings;
  readonly drafts: Drafts;
  readonly toasts = new Toasts();
  readonly connection: Connection;
  readonly pictures: Pictures;
  readonly contents: Contents;
  readonly transfers: Transfers;
  readonly linking: Linking;

  overlay: Overlay = $state(null);
  settingsSection: SettingsSection = $state('profile');
  question: Question | null = $state.raw(null);
  panel: Panel = $state(null);
  looking: Looking | null = $state.raw(null);
  selected: string | null = $state(null);
  /** A message the open conversation shall show. */
  target: string | null = $state(null);
  focused: boolean = $state(true);

  /** What waits to be sent, per conversation; it stays while another one is looked at. */
  #staging = new Map<string, Staging>();

  readonly current: Conversation | undefined = $derived.by(() => this.conversations.get(this.selected));

  constructor(
    readonly client: Client,
    readonly platform: Platform,
    readonly prefs: Prefs,
    readonly i18n: I18n,
    storage: Storage,
  ) {
    this.conversations = new Conversations(client);
    this.messages = new Messages(client);
    this.typing = new Typing(client);
    this.settings = new Settings(client);
    this.drafts = new Drafts(client, storage);
    this.pictures = new Pictures(client);
    this.contents = new Contents(client);
    this.transfers = new Transfers(client, this.contents);
    this.linking = new Linking(client);
    this.selected = prefs.conversation;
    this.connection = new Connection(client, [
      this.people,
      this.conversations,
      this.messages,
      this.typing,
      this.settings,
      this.pictures,
      this.transfers,
      this.linking,
      { reset: () => undefined, apply: (event) => this.#warn(event) },
    ]);
  }

  #warn(event: Event): void {
    if (event.type !== 'warning') return;
    this.toasts.show(this.i18n.maybe('warning', event.code, event.message), { tone: 'error' });
  }

  get self(): string {
    return this.conversations.self;
  }

  staging(conversation: string): Staging {
    const known = this.#staging.get(conversation);
    if (known) return known;
    const staging = new Staging(this.client, this.transfers);
    this.#staging.set(conversation, staging);
    return staging;
  }

  open(conversation: string | null, message: string | null = null): void {
    if (this.selected !== null && this.selected !== conversation) {
      void this.drafts.flush(this.selected);
      this.typing.tell(this.selected, false);
    }
    this.selected = conversation;
    this.target = message;
    this.prefs.setConversation(conversation);
  }

  async openPerson(account: string): Promise<void> {
    const known = this.conversations.with(account);
    if (known) return this.open(known.conversation);
    const conversation = await this.attempt('conversation.direct', { account });
    if (!conversation) return;
    this.conversations.put(conversation);
    this.open(conversation.conversation);
  }

  /** Mutes or archives, with a way back. */
  async archive(conversation: Conversation, archived: boolean): Promise<void> {
    await this.#update(conversation, { archived }, archived ? 'conversation.archived' : null, {
      archived: !archived,
    });
  }

  async mute(conversation: Conversation, muted: boolean): Promise<void> {
    await this.#update(conversation, { muted }, muted ? 'conversation.muted' : null, { muted: !muted });
  }

  async #update(
    { conversation }: Conversation,
    change: { archived?: boolean; muted?: boolean },
    said: 'conversation.archived' | 'conversation.muted' | null,
    back: { archived?: boolean; muted?: boolean },
  ): Promise<void> {
    const changed = await this.attempt('conversation.update', { conversation, ...change });
    if (!changed) return;
    this.conversations.put(changed);
    if (said === null) return;
    this.toasts.show(this.i18n.t(said, { title: this.title(changed) }), {
      action: {
        label: this.i18n.t('action.undo'),
        run: () => void this.#update(changed, back, null, {}),
      },
    });
  }

  openSettings(section: SettingsSection): void {
    this.settingsSection = section;
    this.overlay = 'settings';
  }

  /** Asks before something that cannot be taken back. */
  confirm(title: string, text: string, action: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.question = {
        title,
        text,
        action,
        answer: (yes) => {
          this.question = null;
          resolve(yes);
        },
      };
    });
  }

  /** How a conversation is called: its title, else the people in it. */
  title(conversation: Conversation): string {
    const other = this.conversations.other(conversation);
    if (other !== undefined && !conversation.title) return this.name(other, conversation);
    return conversation.title || this.i18n.t('conversation.untitled');
  }

  name(account: string, conversation?: Conversation): string {
    if (account === this.self) return this.settings.account?.name ?? '';
    const member = conversation?.members.find((each) => each.account === account);
    return member?.name || this.people.get(account)?.name || this.i18n.t('person.unknown');
  }

  /** The picture of a person or, where they have none that is known here, nothing. */
  picture(account: string, conversation?: Conversation): string | null {
    if (account === this.self) return this.settings.account?.avatar ?? null;
    const member = conversation?.members.find((each) => each.account === account);
    return member?.avatar ?? this.people.get(account)?.avatar ?? null;
  }

  /** The picture of a conversation: the group's, or the other person's. */
  pictureOf(conversation: Conversation): string | null {
    const other = this.conversations.other(conversation);
    return conversation.avatar ?? (other === undefined ? null : this.picture(other, conversation));
  }

  /** What happened to the group, as a sentence. */
  notice(message: Message): string {
    const { what, accounts, value } = message.notice ?? { what: 'unknown', accounts: [], value: '' };
    const conversation = this.conversations.get(message.conversation);
    const people = list(
      accounts.map((account) => this.name(account, conversation)),
      this.i18n.locale,
    );
    const self = message.own ? 'yes' : 'no';
    const values = { name: message.name, people, value: value ?? '', self };
    return this.i18n.maybe('notice', what, this.i18n.t('notice.unknown', values), values);
  }

  /** What a list shows of a message. */
  preview(message: Message): string {
    if (message.deleted) return this.i18n.t('message.deleted');
    if (message.kind === 'notice') return this.notice(message);
    if (message.kind === 'unknown') return this.i18n.t('message.unknown');
    return toText(message.text).slice(0, 160) || this.files(message);
  }

  /** The files of a message, in words. */
  files({ attachments }: Message): string {
    const [first] = attachments;
    if (!first) return '';
    return this.i18n.t('message.files', { count: attachments.length, name: first.name });
  }

  /** Why a transfer waits or failed. */
  reason({ code, reason }: Pick<Transfer, 'code' | 'reason'>): string {
    const { maybe, t } = this.i18n;
    const word = code ?? '';
    return maybe('transfer.reason', word, maybe('error', word, reason ?? t('transfer.unknown')));
  }

  /** Calls and, where nothing nearer can show a failure, says so in a toast. `undefined`: it failed. */
  async attempt<M extends Method>(method: M, params: Params<M>): Promise<Result<M> | undefined> {
    try {
      return await this.client.call(method, params);
    } catch (thrown) {
      this.toasts.show(this.explain(ApiError.from(thrown)), { tone: 'error' });
      return undefined;
    }
  }

  /** An error in the user's language where we know the code, else the node's own words. */
  explain(error: ApiError): string {
    return this.i18n.maybe('error', error.code, error.message);
  }
}

const CONTEXT = Symbol('app');
export const provideApp = (app: App): App => setContext(CONTEXT, app);
export const useApp = (): App => getContext<App>(CONTEXT);
