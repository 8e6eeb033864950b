/**
 * What this window remembers for itself: reading places, and a copy of theme and language so that the
 * first paint, before the node has answered, already looks right. Never anything secret.
 */
import { matchLocale, locales, type Locale } from '$lib/i18n/i18n.svelte';

export type Theme = 'system' | 'light' | 'dark';
export type Language = 'system' | Locale;

const KEY = 'anser.prefs';
const MOST_PLACES = 200;

interface Stored {
  theme: Theme;
  language: Language;
  conversation: string | null;
  /** For each conversation not read to its end: the first message on screen. */
  places: [string, string][];
}

export class Prefs {
  theme: Theme = $state('system');
  language: Language = $state('system');
  conversation: string | null = $state(null);
  #places = new Map<string, string>();
  #storage: Storage;
  #systemLanguages: readonly string[];

  readonly locale: Locale = $derived.by(() =>
    this.language === 'system' ? matchLocale(this.#systemLanguages) : this.language,
  );

  constructor(storage: Storage, systemLanguages: readonly string[]) {
    this.#storage = storage;
    this.#systemLanguages = systemLanguages;
    const stored = read(storage);
    if (stored.theme === 'light' || stored.theme === 'dark') this.theme = stored.theme;
    if (locales.includes(stored.language as Locale)) this.language = stored.language as Language;
    this.conversation = stored.conversation ?? null;
    this.#places = new Map(stored.places ?? []);
  }

  /** Takes over what the node has stored; words from a newer version count as `system`. */
  setLook(theme: string, language: string): void {
    this.theme = theme === 'light' || theme === 'dark' ? theme : 'system';
    this.language = locales.includes(language as Locale) ? (language as Language) : 'system';
    this.#save();
  }

  setConversation(id: string | null): void {
    this.conversation = id;
    this.#save();
  }

  place(conversation: string): string | null {
    return this.#places.get(conversation) ?? null;
  }

  /** `null`: read to the end. */
  setPlace(conversation: string, message: string | null): void {
    if (this.place(conversation) === message) return;
    this.#places.delete(conversation);
    if (message !== null) this.#places.set(conversation, message);
    const [oldest] = this.#places.keys();
    if (this.#places.size > MOST_PLACES && oldest !== undefined) this.#places.delete(oldest);
    this.#save();
  }

  #save(): void {
    const { theme, language, conversation } = this;
    const stored: Stored = { theme, language, conversation, places: [...this.#places] };
    this.#storage.setItem(KEY, JSON.stringify(stored));
  }
}

function read(storage: Storage): Partial<Stored> {
  try {
    return (JSON.parse(storage.getItem(KEY) ?? '{}') ?? {}) as Partial<Stored>;
  } catch {
    return {};
  }
}
