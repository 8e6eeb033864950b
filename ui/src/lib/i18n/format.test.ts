import { describe, expect, it } from 'vitest';
import { ago, bytes, countdown, dayName, hueIndex, initials, listTime } from './format';

const at = (day: number, hour = 12) => new Date(2026, 10, day, hour, 5).getTime();

describe('dates', () => {
  it('names near days and writes far ones out', () => {
    const now = at(22);
    expect(dayName(at(22, 1), now, 'en')).toBe('Today');
    expect(dayName(at(21, 23), now, 'en')).toBe('Yesterday');
    expect(dayName(at(21), now, 'zh-CN')).toBe('昨天');
    expect(dayName(at(3), now, 'en')).toBe('Tuesday, November 3');
    expect(dayName(new Date(2024, 0, 2).getTime(), now, 'en')).toContain('2024');
  });

  it('fits a narrow column', () => {
    const now = at(22);
    expect(listTime(at(22, 9), now, 'en')).toBe('09:05');
    expect(listTime(at(20), now, 'en')).toBe('Fri');
    expect(listTime(at(2), now, 'en')).toBe('Nov 2');
    // A sender whose clock runs ahead.
    expect(listTime(at(25, 7), now, 'en')).toBe('07:05');
  });

  it('says how long ago in one unit', () => {
    const now = at(22);
    expect(ago(now - 3 * 60_000, now, 'en')).toBe('3 minutes ago');
    expect(ago(now - 5 * 3_600_000, now, 'zh-CN')).toBe('5小时前');
    expect(ago(now + 60_000, now, 'en')).toBe('this minute');
  });
});

it('makes initials of names in both scripts', () => {
  expect(initials('Ada Lovelace')).toBe('AL');
  expect(initials('韩梅梅')).toBe('梅梅');
  expect(initials('  ')).toBe('?');
  expect(initials('👩‍💻 x')).not.toBe('');
});

it('gives an id the same colour always, within range', () => {
  expect(hueIndex('abc', 8)).toBe(hueIndex('abc', 8));
  for (const id of ['', 'a', '鸿雁', 'z'.repeat(52)]) expect(hueIndex(id, 8)).toBeLessThan(8);
});

it('writes sizes in the unit that keeps them short', () => {
  const written = (count: number) => bytes(count, 'en').replace('\u00a0', ' ');
  expect(written(300)).toBe('300 B');
  expect(written(1536)).toBe('1.5 KiB');
  expect(written(1023 * 1024)).toBe('1 MiB');
  expect(written(48 * 1024 * 1024)).toBe('48 MiB');
  expect(written(5.25 * 1024 ** 3)).toBe('5.3 GiB');
});

it('counts down to nothing and not below', () => {
  expect(countdown(599_001)).toBe('10:00');
  expect(countdown(61_000)).toBe('1:01');
  expect(countdown(-5)).toBe('0:00');
});
