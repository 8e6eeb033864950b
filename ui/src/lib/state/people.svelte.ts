/** The people the node sees. A person is an account; the devices they run are folded into one entry. */
import { SvelteMap } from 'svelte/reactivity';
import type { Event, Peer, PresenceState, Relation, Snapshot, Trust } from '$lib/api/generated';
import type { Domain } from './connection.svelte';

export interface Person {
  account: string;
  name: string;
  status: string;
  avatar: string | null;
  online: boolean;
  presence: PresenceState;
  trust: Trust;
  relation: Relation;
  /** `null`: never seen yet, only heard of. */
  lastSeenMs: number | null;
  devices: Peer[];
}

export class People implements Domain {
  #persons = new SvelteMap<string, Person>();

  /** Online first, then by name; blocked people and oneself are left out. */
  readonly visible: Person[] = $derived(
    [...this.#persons.values()]
      .filter((person) => person.relation !== 'blocked' && person.trust !== 'own')
      .sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name)),
  );
  readonly blocked: Person[] = $derived(
    [...this.#persons.values()].filter((person) => person.relation === 'blocked'),
  );
  readonly online: number = $derived(this.visible.filter((person) => person.online).length);

  get(account: string): Person | undefined {
    return this.#persons.get(account);
  }

  reset(snapshot: Snapshot): void {
    this.replace(snapshot.peers);
  }

  replace(peers: Peer[]): void {
    const folded = new Map<string, Peer[]>();
    for (const peer of peers) folded.set(peer.account, [...(folded.get(peer.account) ?? []), peer]);
    for (const account of this.#persons.keys()) if (!folded.has(account)) this.#persons.delete(account);
    for (const [account, devices] of folded) this.#persons.set(account, fold(account, devices));
  }

  apply(event: Event): void {
    if (event.type !== 'peer.changed') return;
    const { peer } = event;
    const others = this.#persons.get(peer.account)?.devices.filter((d) => d.device !== peer.device) ?? [];
    this.#persons.set(peer.account, fold(peer.account, [...others, peer]));
  }
}

function fold(account: string, devices: Peer[]): Person {
  const newestFirst = [...devices].sort((a, b) => (b.last_seen_ms ?? 0) - (a.last_seen_ms ?? 0));
  const speaker = newestFirst.find((device) => device.online) ?? newestFirst[0];
  return {
    account,
    name: speaker?.name ?? '',
    status: speaker?.status ?? '',
    avatar: speaker?.avatar ?? null,
    online: devices.some((device) => device.online),
    presence: speaker?.presence ?? 'offline',
    trust: speaker?.trust ?? 'unverified',
    relation: speaker?.relation ?? 'stranger',
    lastSeenMs: newestFirst[0]?.last_seen_ms ?? null,
    devices: newestFirst,
  };
}
