import { describe, expect, it, vi } from 'vitest';
import { attachment } from '../../testing';
import { centredSquare, fitting, MOST_BYTES } from './square';
import { isPicture, pictureTypeOf, sortOf } from './types';

describe('which files are shown as pictures', () => {
  it('takes four formats of bounded size, whatever the sender says else', () => {
    const shown = (media_type: string, size_bytes = 1_000) =>
      isPicture(attachment({ media_type, size_bytes }));
    for (const type of ['png', 'jpeg', 'gif', 'webp']) expect(shown(`image/${type}`)).toBe(true);
    for (const type of ['image/svg+xml', 'image/png; x', 'IMAGE/SVG', 'text/html', '']) {
      expect(shown(type)).toBe(false);
    }
    expect(shown('image/png', 20 * 1024 * 1024)).toBe(true);
    expect(shown('image/png', 20 * 1024 * 1024 + 1)).toBe(false);
    expect(shown('image/png', 0)).toBe(false);
  });

  it('guesses by name only where there is nothing else', () => {
    expect(pictureTypeOf('a.b.JPG')).toBe('image/jpeg');
    expect(pictureTypeOf('picture.svg')).toBe('');
    expect(pictureTypeOf('png')).toBe('image/png');
    expect(sortOf({ name: 'x.tar.gz', media_type: '' })).toBe('archive');
    expect(sortOf({ name: 'x', media_type: 'video/mp4' })).toBe('film');
    expect(sortOf({ name: 'x.exe', media_type: 'application/x-msdownload' })).toBe('other');
  });
});

describe('a square picture', () => {
  it('is cut from the middle', () => {
    expect(centredSquare(300, 100)).toEqual({ x: 100, y: 0, side: 100 });
    expect(centredSquare(80, 200)).toEqual({ x: 0, y: 60, side: 80 });
  });

  it('has the best quality that fits', async () => {
    const encode = vi.fn((type: string, quality: number) =>
      Promise.resolve(new Blob([new Uint8Array(Math.round(quality * 100_000))], { type })),
    );
    const blob = await fitting(encode);
    expect(blob.type).toBe('image/webp');
    expect(blob.size).toBe(65_000);
    expect(blob.size).toBeLessThanOrEqual(MOST_BYTES);
  });

  it('is a JPEG where the browser writes no WebP', async () => {
    const blob = await fitting((type) =>
      Promise.resolve(new Blob(['x'], { type: type === 'image/webp' ? 'image/png' : type })),
    );
    expect(blob.type).toBe('image/jpeg');
    const large = new Uint8Array(MOST_BYTES + 1);
    await expect(fitting((type) => Promise.resolve(new Blob([large], { type })))).rejects.toMatchObject({
      problem: 'too_large',
    });
  });
});
