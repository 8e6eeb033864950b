/** Dates, sizes and names for people, by the platform's own Intl. Pure: the present time is handed in. */

const cache = new Map<string, Intl.DateTimeFormat>();

function dates(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const id = locale + JSON.stringify(options);
  let format = cache.get(id);
  if (!format) {
    format = new Intl.DateTimeFormat(locale, options);
    cache.set(id, format);
  }
  return format;
}

const DAY_MS = 86_400_000;

/** The local calendar day as a comparable number. */
export function dayOf(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS;
}

export function clockTime(ms: number, locale: string): string {
  return dates(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
}

export function fullTime(ms: number, locale: string): string {
  return dates(locale, { dateStyle: 'full', timeStyle: 'medium' }).format(ms);
}

export function shortTime(ms: number, locale: string): string {
  return dates(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(ms);
}

/** For a day separator: today and yesterday by name, then the weekday for a week, then the date. */
export function dayName(ms: number, now: number, locale: string): string {
  const ago = dayOf(now) - dayOf(ms);
  if (ago === 0 || ago === 1) {
    const word = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-ago, 'day');
    return word.charAt(0).toLocaleUpperCase(locale) + word.slice(1);
  }
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return dates(locale, {
    weekday: 'long',
    month: 'long',
    day: 'numeric',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(ms);
}

/** For a narrow column: the time today, the weekday within a week, else the date. */
export function listTime(ms: number, now: number, locale: string): string {
  const ago = dayOf(now) - dayOf(ms);
  if (ago <= 0) return clockTime(ms, locale);
  if (ago < 7) return dates(locale, { weekday: 'short' }).format(ms);
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return dates(locale, sameYear ? { month: 'short', day: 'numeric' } : { dateStyle: 'short' }).format(ms);
}

/** “3 minutes ago”, in the coarsest unit that fits. */
export function ago(ms: number, now: number, locale: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const minutes = Math.round((now - ms) / 60_000);
  if (minutes < 60) return format.format(-Math.max(minutes, 0), 'minute');
  const hours = Math.round(minutes / 60);
  if (hours < 24) return format.format(-hours, 'hour');
  return format.format(-Math.round(hours / 24), 'day');
}

export function list(words: string[], locale: string): string {
  return new Intl.ListFormat(locale, { type: 'conjunction', style: 'long' }).format(words);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(count: number, locale: string): string {
  let unit = 0;
  let value = count;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
  return `${number.format(value)}\u00a0${UNITS[unit]}`;
}

/** Minutes and seconds that are left, as a clock shows them. */
export function countdown(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** One or two letters that stand for a name: the last two characters of a Chinese name, else initials. */
export function initials(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '') return '?';
  if (/^\p{Script=Han}/u.test(trimmed)) return [...trimmed].slice(-2).join('');
  const words = trimmed.split(/[\s\-_.]+/u).filter(Boolean);
  const first = [...(words[0] ?? '')][0] ?? '?';
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : '';
  return (first + last).toLocaleUpperCase();
}

/** A stable number for an id, to choose a colour by. */
export function hueIndex(id: string, colours: number): number {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % colours;
}
