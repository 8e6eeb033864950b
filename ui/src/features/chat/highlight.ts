/** Cuts a found text into pieces, those that match and those between, and begins shortly before the first match. */
export interface Piece {
  text: string;
  hit: boolean;
}

const LEAD = 40;
const LONGEST = 300;

export function pieces(text: string, query: string): Piece[] {
  const words = query.split(/\s+/).filter(Boolean).map(escapePattern);
  if (words.length === 0) return [{ text: text.slice(0, LONGEST), hit: false }];
  const pattern = new RegExp(`(${words.join('|')})`, 'giu');
  const first = text.search(pattern);
  const start = first > LEAD * 2 ? first - LEAD : 0;
  const shown = (start > 0 ? '…' : '') + text.slice(start, start + LONGEST);
  return shown
    .split(pattern)
    .map((piece, index) => ({ text: piece, hit: index % 2 === 1 }))
    .filter((piece) => piece.text !== '');
}

function escapePattern(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
