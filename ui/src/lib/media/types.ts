/** Which files are shown as pictures. The sender's word is not trusted: only formats that cannot hold a program. */
import type { Attachment } from '$lib/api/generated';

const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const BY_ENDING: Record<string, string> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
};
/** Larger ones are files like others: they would fill the memory. */
const MOST_PICTURE_BYTES = 20 * 1024 * 1024;

export function isPictureType(mediaType: string): boolean {
  return PICTURES.includes(mediaType);
}

/** Whether a file of a message is shown inline. */
export function isPicture({
  media_type,
  size_bytes,
}: Pick<Attachment, 'media_type' | 'size_bytes'>): boolean {
  return isPictureType(media_type) && size_bytes > 0 && size_bytes <= MOST_PICTURE_BYTES;
}

/** The picture type that a name promises; empty for everything else. */
export function pictureTypeOf(name: string): string {
  return BY_ENDING[name.split('.').at(-1)?.toLowerCase() ?? ''] ?? '';
}

export type Sort = 'picture' | 'film' | 'sound' | 'archive' | 'text' | 'table' | 'other';

const SORTS: [Sort, RegExp, RegExp][] = [
  ['picture', /^image\//, /\.(png|jpe?g|gif|webp|svg|bmp|tiff?|heic|avif)$/i],
  ['film', /^video\//, /\.(mp4|mkv|mov|webm|avi|wmv)$/i],
  ['sound', /^audio\//, /\.(mp3|wav|flac|ogg|opus|m4a)$/i],
  ['archive', /(zip|compressed|x-tar|gzip|rar)/, /\.(zip|tar|gz|xz|zst|7z|rar|bz2)$/i],
  ['table', /(spreadsheet|csv|excel)/, /\.(csv|xlsx?|ods|et)$/i],
  [
    'text',
    /(^text\/|pdf|word|opendocument\.text|presentation)/,
    /\.(pdf|txt|md|docx?|odt|pptx?|odp|wps|log)$/i,
  ],
];

/** What sort of file it is, to choose an icon by. */
export function sortOf({ media_type, name }: Pick<Attachment, 'media_type' | 'name'>): Sort {
  const byType = SORTS.find(([, type]) => type.test(media_type));
  return (byType ?? SORTS.find(([, , ending]) => ending.test(name)))?.[0] ?? 'other';
}
