import { describe, expect, it } from 'vitest';
import { attachment, transfer } from '../../testing';
import { filesOf } from './drop.svelte';
import { standingOf } from './standing';

describe('how a file stands', () => {
  const what = (file: Parameters<typeof attachment>[0], latest?: Parameters<typeof transfer>[0]) =>
    standingOf(attachment(file), latest && transfer(latest)).what;

  it('is what its message says while nothing goes on', () => {
    expect(what({})).toBe('absent');
    expect(what({ state: 'gone' })).toBe('gone');
    expect(what({ state: 'here' })).toBe('here');
    expect(what({}, { state: 'cancelled' })).toBe('absent');
  });

  it('is what goes on while something does', () => {
    expect(standingOf(attachment({ state: 'fetching', received_bytes: 250 }), undefined)).toMatchObject({
      what: 'running',
      part: 0.25,
    });
    expect(standingOf(attachment(), transfer({ done_bytes: 500 }))).toMatchObject({
      what: 'running',
      part: 0.5,
    });
    expect(what({ state: 'here' }, { kind: 'save', state: 'waiting' })).toBe('waiting');
  });

  it('remembers a failure until the file is here, and where it was saved', () => {
    expect(what({}, { state: 'failed' })).toBe('failed');
    expect(what({ state: 'here' }, { state: 'failed' })).toBe('here');
    expect(what({ state: 'here' }, { kind: 'save', state: 'failed' })).toBe('failed');
    expect(what({ state: 'here' }, { kind: 'save', state: 'done' })).toBe('saved');
    expect(what({ state: 'fetching' }, { state: 'done' })).toBe('here');
  });

  it('never passes its end, and knows empty files', () => {
    expect(standingOf(attachment(), transfer({ done_bytes: 5_000 })).part).toBe(1);
    expect(standingOf(attachment({ size_bytes: 0, state: 'here' }), undefined).part).toBe(0);
  });
});

it('tells folders from files', () => {
  const item = (name: string, folder: boolean) => ({
    kind: 'file',
    getAsFile: () => new File([''], name),
    webkitGetAsEntry: () => ({ isDirectory: folder }),
  });
  const data = { items: [item('a', false), item('b', true), { kind: 'string' }] } as unknown as DataTransfer;
  const { files, folders } = filesOf(data);
  expect(files.map((file) => file.name)).toEqual(['a']);
  expect(folders).toBe(1);
});
