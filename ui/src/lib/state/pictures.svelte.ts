/** The pictures of people and groups. One that has not reached this device yet appears when it does. */
import { getContext, setContext } from 'svelte';
import type { Client } from '$lib/api/client';
import type { Event } from '$lib/api/generated';
import { fromBase64 } from '$lib/text/base64';
import { BlobCache } from './blobs.svelte';
import type { Domain } from './connection.svelte';

const BOUNDS = { count: 500, bytes: 16 * 1024 * 1024 };
const TYPES = ['image/png', 'image/jpeg', 'image/webp'];

export class Pictures implements Domain {
  #client: Client;
  #cache = new BlobCache(BOUNDS);

  constructor(client: Client) {
    this.#client = client;
  }

  url(id: string): string | undefined {
    return this.#cache.url(id);
  }

  hold(id: string): () => void {
    return this.#cache.hold(id, async () => {
      const { media_type, data } = await this.#client.call('picture.get', { picture: id });
      if (!TYPES.includes(media_type)) throw new Error(media_type);
      return new Blob([fromBase64(data)], { type: media_type });
    });
  }

  /** What could not be had may have come in the gap, or with the account. */
  reset(): void {
    this.#cache.allAgain();
  }

  apply(event: Event): void {
    if (event.type === 'picture.added') this.#cache.again(event.picture);
  }
}

const CONTEXT = Symbol('pictures');
export const providePictures = (pictures: Pictures): Pictures => setContext(CONTEXT, pictures);
export const usePictures = (): Pictures => getContext<Pictures>(CONTEXT);
