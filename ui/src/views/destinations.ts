/** Everything the quick switcher can go to, best match first within each section. */
import Archive from '@lucide/svelte/icons/archive';
import Keyboard from '@lucide/svelte/icons/keyboard';
import Link from '@lucide/svelte/icons/link';
import Moon from '@lucide/svelte/icons/moon';
import Search from '@lucide/svelte/icons/search';
import Settings from '@lucide/svelte/icons/settings';
import Sun from '@lucide/svelte/icons/sun';
import UserPlus from '@lucide/svelte/icons/user-plus';
import Users from '@lucide/svelte/icons/users-round';
import type { Component } from 'svelte';
import type { Key } from '$lib/i18n/i18n.svelte';
import type { App } from '$lib/state/app.svelte';

export interface Destination {
  id: string;
  section: Key;
  title: string;
  /** What the avatar's colour is made of, where it is not `id`. */
  face?: string | undefined;
  picture?: string | null;
  group?: boolean;
  online?: boolean;
  icon?: Component<{ size?: number | string }>;
  keys?: string;
  go: () => void;
}

const MOST = 8;

/** 0: begins with it; 1: a word begins with it; 2: contains it; nothing: no match. */
export function rank(title: string, query: string): number | undefined {
  const at = title.toLocaleLowerCase().indexOf(query);
  if (at < 0) return undefined;
  if (at === 0) return 0;
  return /[\s\-_.]/.test(title[at - 1] ?? '') ? 1 : 2;
}

export function destinations(app: App, query: string): Destination[] {
  const wanted = query.trim().toLocaleLowerCase();
  const best = (list: Destination[], most: number) =>
    list
      .map((item) => ({ item, rank: rank(item.title, wanted) }))
      .filter((each): each is { item: Destination; rank: number } => each.rank !== undefined)
      .sort((a, b) => a.rank - b.rank)
      .slice(0, most)
      .map((each) => each.item);
  return [
    ...best(conversations(app), wanted ? MOST : 6),
    ...best(people(app), wanted ? MOST : 4),
    ...best(commands(app), MOST),
  ];
}

function conversations(app: App): Destination[] {
  return [...app.conversations.open, ...app.conversations.archived].map((each) => {
    const other = app.conversations.other(each);
    return {
      id: each.conversation,
      section: 'switcher.conversations',
      title: app.title(each),
      face: other,
      picture: app.pictureOf(each),
      group: each.kind === 'group',
      online: other !== undefined && (app.people.get(other)?.online ?? false),
      go: () => app.open(each.conversation),
    };
  });
}

function people(app: App): Destination[] {
  return app.people.visible
    .filter((person) => !app.conversations.with(person.account))
    .map((person) => ({
      id: person.account,
      section: 'switcher.people',
      title: person.name,
      picture: person.avatar,
      online: person.online,
      go: () => void app.openPerson(person.account),
    }));
}

function commands(app: App): Destination[] {
  const { t } = app.i18n;
  const command = (title: Key, icon: Destination['icon'], go: () => void, keys = ''): Destination => {
    const destination: Destination = { id: title, section: 'switcher.commands', title: t(title), keys, go };
    if (icon) destination.icon = icon;
    return destination;
  };
  const { current } = app;
  return [
    command('sidebar.new_group', Users, () => (app.overlay = 'new-group'), 'Ctrl+Shift+N'),
    command('invite.title', UserPlus, () => (app.overlay = 'invite')),
    command('join.title', Link, () => (app.overlay = 'join')),
    command('search.title', Search, () => (app.panel = 'search'), 'Ctrl+F'),
    ...(current && !current.request && !current.archived
      ? [command('action.archive', Archive, () => void app.archive(current, true))]
      : []),
    command('settings.title', Settings, () => app.openSettings('profile'), 'Ctrl+,'),
    command('switcher.theme_light', Sun, () => void app.settings.set({ theme: 'light' })),
    command('switcher.theme_dark', Moon, () => void app.settings.set({ theme: 'dark' })),
    command('switcher.shortcuts', Keyboard, () => (app.overlay = 'shortcuts'), '?'),
  ];
}
