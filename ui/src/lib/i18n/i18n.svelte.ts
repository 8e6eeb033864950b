/**
 * Text in the user's language: ICU messages, one flat JSON file per locale, switched while running.
 * `Catalogue` (English) defines which keys exist; a test compares every other locale with it.
 */
import { IntlMessageFormat } from 'intl-messageformat';
import { getContext, setContext } from 'svelte';
import en from '$locales/en.json';
import zhCN from '$locales/zh-CN.json';

export type Key = keyof typeof en;
export type Catalogue = Record<Key, string>;
export type Values = Record<string, string | number | Date>;

export const catalogues = { en, 'zh-CN': zhCN } satisfies Record<string, Catalogue>;
export type Locale = keyof typeof catalogues;
export const locales = Object.keys(catalogues) as Locale[];

/** The best locale we have for what the system prefers. */
export function matchLocale(preferred: readonly string[]): Locale {
  for (const tag of preferred) {
    const language = tag.toLowerCase().split('-')[0];
    if (language === 'zh') return 'zh-CN';
    if (language === 'en') return 'en';
  }
  return 'en';
}

export class I18n {
  locale: Locale = $state('en');
  #formats = new Map<string, IntlMessageFormat>();

  constructor(locale: Locale = 'en') {
    this.locale = locale;
  }

  t = (key: Key, values?: Values): string => {
    const text = catalogues[this.locale][key];
    if (values === undefined && !text.includes('{') && !text.includes("'")) return text;
    return String(this.#format(key, text).format(values));
  };

  /** Looks a key up by parts that come from data; falls back where this version does not know the word. */
  maybe = (prefix: string, word: string, fallback: string, values?: Values): string => {
    const key = `${prefix}.${word}`;
    return key in catalogues.en ? this.t(key as Key, values) : fallback;
  };

  #format(key: Key, text: string): IntlMessageFormat {
    const id = `${this.locale}\n${key}`;
    let format = this.#formats.get(id);
    if (!format) {
      format = new IntlMessageFormat(text, this.locale);
      this.#formats.set(id, format);
    }
    return format;
  }
}

const CONTEXT = Symbol('i18n');
export const provideI18n = (i18n: I18n): I18n => setContext(CONTEXT, i18n);
export const useI18n = (): I18n => getContext<I18n>(CONTEXT);
