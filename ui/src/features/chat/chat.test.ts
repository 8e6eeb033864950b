import { describe, expect, it } from 'vitest';
import { conversation, message } from '../../testing';
import { byteLength } from './compose.svelte';
import { pieces } from './highlight';
import { firstUnreadOf, linesOf } from './lines';

describe('lines', () => {
  it('groups a run by one author and parts it by time, day and the unread mark', () => {
    const day = 86_400_000;
    const list = [
      message(1, { received_ms: day }),
      message(2, { received_ms: day + 1_000 }),
      message(3, { received_ms: day + 1_000, account: 'bob' }),
      message(4, { received_ms: day + 20 * 60_000, account: 'bob' }),
      message(5, { received_ms: day + 20 * 60_000, account: 'bob' }),
      message(6, { received_ms: 3 * day, account: 'bob' }),
    ];
    const lines = linesOf(list, 'm5');
    expect(lines.map((line) => line.first)).toEqual([true, false, true, true, true, true]);
    expect(lines.map((line) => line.last)).toEqual([false, true, true, true, true, true]);
    expect(lines.map((line) => line.newDay)).toEqual([true, false, false, false, false, true]);
    expect(lines.findIndex((line) => line.firstUnread)).toBe(4);
  });

  it('finds where reading stopped', () => {
    const list = [message(1), message(2, { own: true }), message(3), message(4)];
    expect(firstUnreadOf(conversation({ unread: 2, read_up_to: 'm1' }), list)).toBe('m3');
    expect(firstUnreadOf(conversation({ unread: 2 }), list)).toBe('m3');
    expect(firstUnreadOf(conversation({ unread: 0, read_up_to: 'm1' }), list)).toBeNull();
  });
});

it('counts bytes, not letters', () => {
  expect(byteLength('鸿雁a')).toBe(7);
});

describe('highlight', () => {
  it('marks each word and begins near the first', () => {
    const found = pieces(`${'x '.repeat(200)}The build (v2)`, 'BUILD (v2)');
    expect(found.filter((piece) => piece.hit).map((piece) => piece.text)).toEqual(['build', '(v2)']);
    expect(found[0]?.text.startsWith('…')).toBe(true);
  });
});
