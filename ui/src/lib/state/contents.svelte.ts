/** What is in files that are here: read piece by piece, pictures kept as object URLs. */
import { ApiError, type Client } from '$lib/api/client';
import { fromBase64 } from '$lib/text/base64';
import { BlobCache } from './blobs.svelte';

const PIECE_BYTES = 524_288;
const BOUNDS = { count: 200, bytes: 96 * 1024 * 1024 };

export interface Reading {
  /** Asked between two pieces. */
  stopped?: () => boolean;
  progress?: (doneBytes: number) => void;
}

export class Contents {
  #client: Client;
  #cache = new BlobCache(BOUNDS);

  constructor(client: Client) {
    this.#client = client;
  }

  url(file: string): string | undefined {
    return this.#cache.url(file);
  }

  failed(file: string): boolean {
    return this.#cache.failed(file);
  }

  again(file: string): void {
    this.#cache.again(file);
  }

  hold(file: string, sizeBytes: number, mediaType: string): () => void {
    return this.#cache.hold(file, (stopped) => this.read(file, sizeBytes, mediaType, { stopped }));
  }

  /** The whole content. */
  async read(
    file: string,
    sizeBytes: number,
    mediaType: string,
    { stopped, progress }: Reading = {},
  ): Promise<Blob> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let offset = 0;
    while (offset < sizeBytes) {
      if (stopped?.()) throw new ApiError('internal', 'Nobody wants this file any more.');
      const answer = await this.#client.call('file.read', { file, offset, limit: PIECE_BYTES });
      const piece = fromBase64(answer.data);
      if (piece.length === 0) throw new ApiError('not_found', 'The file ended too early. Fetch it again.');
      pieces.push(piece);
      offset += piece.length;
      progress?.(offset);
    }
    return new Blob(pieces, { type: mediaType });
  }
}
