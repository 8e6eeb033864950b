import { describe, expect, it } from 'vitest';
import type { Event, Snapshot } from '$lib/api/generated';
import { scripted } from '../../testing';
import { Connection, type Domain } from './connection.svelte';

const typing = (revision: number): Event => ({
  revision,
  type: 'typing.changed',
  conversation: 'c',
  account: 'a',
  typing: true,
});
const snapshotAt = (revision: number) => ({ revision }) as Snapshot;

class Recorder implements Domain {
  seen: (string | number)[] = [];
  reset(snapshot: Snapshot) {
    this.seen.push(`snapshot ${snapshot.revision}`);
  }
  apply(event: Event) {
    this.seen.push(event.revision);
  }
}

function start(revisions: number[]) {
  const recorder = new Recorder();
  const client = scripted({
    'app.status': () => ({ state: 'ready' }),
    'state.snapshot': () => snapshotAt(revisions.shift() ?? -1),
  });
  return { recorder, client, connection: new Connection(client, [recorder]) };
}

describe('the connection', () => {
  it('takes a snapshot, then applies events in order', async () => {
    const { recorder, client, connection } = start([5]);
    await connection.start();
    client.emit(typing(6));
    client.emit(typing(7));
    expect(recorder.seen).toEqual(['snapshot 5', 6, 7]);
    expect(connection.phase).toBe('ready');
  });

  it('leaves out events that the snapshot already holds, and keeps those that came while it was taken', async () => {
    const recorder = new Recorder();
    const client = scripted({
      'app.status': () => ({ state: 'ready' }),
      'state.snapshot': () => {
        for (const revision of [4, 5, 6]) client.emit(typing(revision));
        return snapshotAt(5);
      },
    });
    await new Connection(client, [recorder]).start();
    expect(recorder.seen).toEqual(['snapshot 5', 6]);
  });

  it('takes a new snapshot at a gap', async () => {
    const { recorder, client, connection } = start([5, 9]);
    await connection.start();
    client.emit(typing(6));
    client.emit(typing(9));
    client.emit(typing(10));
    await client.idle();
    expect(recorder.seen).toEqual(['snapshot 5', 6, 'snapshot 9', 10]);
  });

  it('applies an event once, however often it comes', async () => {
    const { recorder, client, connection } = start([5]);
    await connection.start();
    client.emit(typing(6));
    client.emit(typing(6));
    expect(recorder.seen).toEqual(['snapshot 5', 6]);
  });

  it('shows the first start and the stopped profile', async () => {
    const client = scripted({ 'app.status': () => ({ state: 'no_account' }) });
    const connection = new Connection(client, []);
    await connection.start();
    expect(connection.phase).toBe('onboarding');
    await connection.settle({ ...connection.status!, state: 'locked' });
    expect(connection.phase).toBe('stopped');
  });
});
