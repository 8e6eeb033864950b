/** The account of this device, the devices of the account, and the node's settings. */
import type { Client } from '$lib/api/client';
import type {
  Account,
  AccountUpdate,
  Device,
  Event,
  PresenceState,
  Settings as Values,
  SettingsSet,
  Snapshot,
} from '$lib/api/generated';
import type { Domain } from './connection.svelte';

export class Settings implements Domain {
  account: Account | null = $state.raw(null);
  values: Values | null = $state.raw(null);
  devices: Device[] = $state.raw([]);
  #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  reset(snapshot: Snapshot): void {
    this.account = snapshot.account ?? null;
    this.values = snapshot.settings;
  }

  apply(event: Event): void {
    if (event.type === 'settings.changed') this.values = event.settings;
    else if (event.type === 'account.changed') this.account = event.account;
    else if (event.type === 'devices.changed') this.devices = event.devices;
  }

  async set(patch: SettingsSet): Promise<void> {
    this.values = await this.#client.call('settings.set', patch);
  }

  async updateAccount(patch: AccountUpdate): Promise<void> {
    this.account = await this.#client.call('account.update', patch);
  }

  async loadDevices(): Promise<void> {
    this.devices = (await this.#client.call('device.list', {})).devices;
  }

  async revoke(device: string): Promise<void> {
    this.devices = (await this.#client.call('device.revoke', { device })).devices;
  }

  async setPresence(status: PresenceState): Promise<void> {
    this.account = await this.#client.call('presence.set', { status });
  }
}
