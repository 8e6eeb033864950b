/** Pictures of the made-up people. Some have one, and one of them arrives late. */
import type { Picture } from '$lib/api/generated';
import { toBase64 } from '$lib/text/base64';
import { ApiError } from '../client';
import type { Emit } from './index';
import { paint } from './paint';
import { fakeId } from './world';

const LATE_MS = 1_500;
/** Whose picture is on its way when the page opens: the second person's. */
const LATE = 2;

export const pictureId = (number: number): string | null =>
  number % 3 === 1 || number === LATE ? fakeId('picture', number) : null;

export class Album {
  #given = new Map<string, Picture>();
  #asked = false;
  #here = false;
  #next = 10_000;

  constructor(readonly emit: Emit) {}

  get(picture: string): Picture {
    const given = this.#given.get(picture);
    if (given) return given;
    if (picture === fakeId('picture', LATE) && !this.#here) {
      this.#expect(picture);
      throw new ApiError('not_found', 'This picture is not here yet.');
    }
    const seed = (picture.codePointAt(0) ?? 0) * 31 + (picture.codePointAt(1) ?? 0);
    return { picture, media_type: 'image/png', data: toBase64(paint(seed, 128, 128)) };
  }

  /** Takes one in; empty takes it away. */
  take(data: string): string | null {
    if (data === '') return null;
    const picture = fakeId('picture', this.#next++);
    const media_type = data.startsWith('/9j/') ? 'image/jpeg' : 'image/webp';
    this.#given.set(picture, { picture, media_type, data });
    return picture;
  }

  #expect(picture: string): void {
    if (this.#asked) return;
    this.#asked = true;
    setTimeout(() => {
      this.#here = true;
      this.emit({ type: 'picture.added', picture });
    }, LATE_MS);
  }
}
