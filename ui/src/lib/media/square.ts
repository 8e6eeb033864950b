/**
 * Makes the picture of a person or group out of any picture the browser can read: the square in its middle, small
 * enough for everybody to keep. What else the file held (place, camera, comments) does not survive the canvas.
 */
export const SIDE_PX = 256;
export const MOST_BYTES = 64 * 1024;
/** More than a camera makes; a larger file is hardly meant. */
export const MOST_SOURCE_BYTES = 50 * 1024 * 1024;

const QUALITIES = [0.92, 0.85, 0.75, 0.65, 0.5, 0.35, 0.2];
// WebKit on Linux cannot write WebP and gives a PNG instead.
const TYPES = ['image/webp', 'image/jpeg'];

export type SquareProblem = 'too_large' | 'unreadable';

export class SquareError extends Error {
  constructor(readonly problem: SquareProblem) {
    super(problem);
  }
}

/** The centred square of a picture, as `drawImage` wants it. */
export function centredSquare(width: number, height: number): { x: number; y: number; side: number } {
  const side = Math.min(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, side };
}

/** The best quality that fits; `encode` gives nothing, or another type, where it does not know one. */
export async function fitting(
  encode: (type: string, quality: number) => Promise<Blob | null>,
  mostBytes = MOST_BYTES,
): Promise<Blob> {
  for (const type of TYPES) {
    for (const quality of QUALITIES) {
      const blob = await encode(type, quality);
      if (blob?.type !== type) break;
      if (blob.size <= mostBytes) return blob;
    }
  }
  throw new SquareError('too_large');
}

export async function squarePicture(file: Blob): Promise<Blob> {
  if (file.size > MOST_SOURCE_BYTES) throw new SquareError('too_large');
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode().catch(() => {
      throw new SquareError('unreadable');
    });
    return await draw(image);
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function draw(image: HTMLImageElement): Promise<Blob> {
  const { x, y, side } = centredSquare(image.naturalWidth, image.naturalHeight);
  const canvas = document.createElement('canvas');
  canvas.width = SIDE_PX;
  canvas.height = SIDE_PX;
  const context = canvas.getContext('2d');
  if (!context || side === 0) throw new SquareError('unreadable');
  context.imageSmoothingQuality = 'high';
  // JPEG knows no transparency; on black a logo would vanish.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, SIDE_PX, SIDE_PX);
  context.drawImage(image, x, y, side, side, 0, 0, SIDE_PX, SIDE_PX);
  return fitting((type, quality) => new Promise((resolve) => canvas.toBlob(resolve, type, quality)));
}
