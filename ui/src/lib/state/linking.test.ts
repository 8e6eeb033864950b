import { describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/client';
import type { LinkStep } from '$lib/api/generated';
import { conversation, scripted } from '../../testing';
import type { App } from './app.svelte';
import { Linking } from './linking.svelte';
import { followLink, isInvitation } from './links';

const changed = (step: LinkStep) => ({ revision: 1, type: 'link.changed' as const, step, message: 'why' });

describe('linking this device', () => {
  it('shows the newest code, and follows the steps of a code that is shown', async () => {
    let next = 1;
    const client = scripted({ 'device.link_start': () => ({ code: `c${next++}`, expires_ms: 1 }) });
    const linking = new Linking(client);
    linking.apply(changed('failed'));
    expect(linking.step).toBe('waiting');
    await Promise.all([linking.start(), linking.start()]);
    expect(linking.code?.code).toBe('c2');
    linking.apply(changed('receiving'));
    expect([linking.step, linking.message]).toEqual(['receiving', 'why']);
    await linking.start();
    expect(linking.step).toBe('waiting');
  });

  it('forgets a code that comes after one has turned away', async () => {
    const client = scripted({
      'device.link_start': () => ({ code: 'late', expires_ms: 1 }),
      'device.link_cancel': () => ({}),
    });
    const linking = new Linking(client);
    await Promise.all([linking.start(), linking.cancel()]);
    expect(linking.code).toBeNull();
  });

  it('keeps why no code could be had', async () => {
    const linking = new Linking(
      scripted({
        'device.link_start': () => {
          throw new ApiError('already_exists', 'There is an account.');
        },
      }),
    );
    await linking.start();
    expect(linking.error?.code).toBe('already_exists');
  });
});

describe('links', () => {
  const app = (client: ReturnType<typeof scripted>) => {
    const open = vi.fn();
    const openPerson = vi.fn(() => Promise.resolve());
    const conversations = { put: vi.fn() };
    return { client, open, openPerson, conversations } as unknown as App & {
      open: typeof open;
      openPerson: typeof openPerson;
    };
  };

  it('leads each kind of link where it belongs', async () => {
    const client = scripted({
      'invite.accept': ({ link }: { link: string }) => (link.endsWith('away') ? null : conversation()),
      'contact.add': () => ({ account: 'bob' }),
      'peer.dial': () => ({}),
    });
    const here = app(client);
    expect(await followLink(here, ' anser:invite/x ')).toBe('done');
    expect(here.open).toHaveBeenCalledWith('c');
    expect(await followLink(here, 'ANSER:invite/away')).toBe('waiting');
    expect(here.open).toHaveBeenCalledTimes(1);
    await followLink(here, 'anser:card');
    expect(here.openPerson).toHaveBeenCalledWith('bob');
    await followLink(here, '/ip4/10.0.0.1/tcp/1');
    expect(client.calls.map(({ method }) => method)).toEqual([
      'invite.accept',
      'invite.accept',
      'contact.add',
      'peer.dial',
    ]);
  });

  it('knows an invitation from a card', () => {
    expect(isInvitation('anser:invite/x')).toBe(true);
    expect(isInvitation('anser:invited')).toBe(false);
  });
});
