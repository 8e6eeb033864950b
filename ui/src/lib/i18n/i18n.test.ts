import { readFileSync } from 'node:fs';
import { parse, TYPE, type MessageFormatElement } from '@formatjs/icu-messageformat-parser';
import { describe, expect, it } from 'vitest';
import { catalogues, I18n, locales, matchLocale, type Key } from './i18n.svelte';

/** The arguments of a message with what they are used as. */
function argumentsOf(text: string): string[] {
  const found = new Set<string>();
  const walk = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
      found.add(`${element.value}:${TYPE[element.type]}`);
      if (element.type === TYPE.plural || element.type === TYPE.select) {
        for (const option of Object.values(element.options)) walk(option.value);
      }
    }
  };
  walk(parse(text));
  return [...found].sort();
}

const sources = import.meta.glob<string>('/src/**/*.{svelte,ts}', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const code = Object.entries(sources)
  .filter(([path]) => !path.endsWith('.test.ts'))
  .map(([, text]) => text)
  .join('\n');

/** What `doctor.run` finds is held against the node's source, below. */
const finding = /^check\.\w+\.\w+\.(what|advice)$/;

describe.each(locales)('the catalogue %s', (locale) => {
  const catalogue: Record<string, string> = catalogues[locale];

  it('has exactly the keys of English', () => {
    expect(Object.keys(catalogue).sort()).toEqual(Object.keys(catalogues.en).sort());
  });

  it('is written in whole, with the same arguments used the same way', () => {
    for (const [key, text] of Object.entries(catalogue)) {
      expect(text.trim(), key).not.toBe('');
      expect(argumentsOf(text), key).toEqual(argumentsOf(catalogues.en[key as Key]));
    }
  });
});

it('has no key that nothing uses', () => {
  const used = (key: string) => {
    const stem = key.slice(0, key.lastIndexOf('.'));
    if (finding.test(key)) return code.includes('`check.${check.id}.${check.case}`');
    return code.includes(`'${key}'`) || code.includes(`\`${stem}.\${`) || code.includes(`('${stem}',`);
  };
  expect(Object.keys(catalogues.en).filter((key) => !used(key))).toEqual([]);
});

it('counts in the way of each language', () => {
  const i18n = new I18n('en');
  expect(i18n.t('conversation.members', { count: 1 })).toBe('1 member');
  expect(i18n.t('conversation.members', { count: 3 })).toBe('3 members');
  i18n.locale = 'zh-CN';
  expect(i18n.t('conversation.members', { count: 3 })).toBe('3 位成员');
});

it('falls back where the node says a word this version does not know', () => {
  const i18n = new I18n('en');
  expect(i18n.maybe('error', 'forbidden', 'raw')).toBe('Your role does not allow this.');
  expect(i18n.maybe('error', 'brand_new', 'raw')).toBe('raw');
});

/** Reads `check("id", "case", …, advice)` with the names of the values; no advice is `""`. */
const findings = readFileSync('../crates/engine/src/doctor.rs', 'utf8')
  .split(/^fn /m)
  .flatMap((body) => {
    const values = [...body.matchAll(/\("([a-z_]+)", &/g)].map((match) => match[1] ?? '');
    const calls = body.split(/\bcheck\(\s*(?=")/).slice(1);
    return calls.map((call) => {
      const [, id, word] = /^"([a-z_]+)",\s*"([a-z_]+)",/.exec(call) ?? [];
      const parts = /,\s*"",?\s*\)/.test(call) ? ['what'] : ['what', 'advice'];
      return { keys: parts.map((part) => `check.${id}.${word}.${part}`), values };
    });
  });

it('has words for everything that the node can find, and for nothing else', () => {
  const keys = Object.keys(catalogues.en).filter((key) => finding.test(key));
  expect(keys.sort()).toEqual(findings.flatMap((each) => each.keys).sort());
});

it.each(locales)('says in %s what the node found, with numbers that come as text', (locale) => {
  const i18n = new I18n(locale);
  for (const { keys, values } of findings) {
    for (const value of ['0', '1', '7']) {
      const named = Object.fromEntries(values.map((name) => [name, value]));
      for (const key of keys) expect(i18n.t(key as Key, named), key).not.toMatch(/[{}#]/);
    }
  }
});

it('has words for every reason why a profile cannot be opened', () => {
  const source = readFileSync('../crates/engine/src/error.rs', 'utf8');
  const cases = source.matchAll(/(?:ErrorCode::\w+, |\.case\(|case: )"([a-z_]+)"/g);
  const words = [...new Set([...cases].map((match) => match[1]))].sort();
  for (const stem of ['stopped.reason.', 'stopped.advice.']) {
    const keys = Object.keys(catalogues.en).filter((key) => key.startsWith(stem));
    expect(keys.map((key) => key.slice(stem.length)).sort()).toEqual(words);
  }
});

it('has words for every reason why a transfer waits or fails', () => {
  const source = readFileSync('../crates/api/src/model/files.rs', 'utf8');
  const said = /why it waits or failed: ([^.]+)\./.exec(source)?.[1] ?? '';
  const codes = [...said.matchAll(/`([a-z_]+)`/g)].map((match) => match[1] ?? '');
  expect(codes.length).toBeGreaterThan(5);
  const stem = 'transfer.reason.';
  const keys = Object.keys(catalogues.en).filter((key) => key.startsWith(stem));
  expect(keys.map((key) => key.slice(stem.length)).sort()).toEqual(codes.sort());
});

it('finds the locale that fits', () => {
  expect(matchLocale(['fr-FR', 'zh-Hans-CN', 'en'])).toBe('zh-CN');
  expect(matchLocale(['de'])).toBe('en');
});
