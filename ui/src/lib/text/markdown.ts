/**
 * Messages are written in the part of Markdown that people use in a chat: emphasis, code, lists, quotes, links.
 * Headings, tables, images and raw HTML stay the text they were written as.
 */
import DOMPurify from 'dompurify';
import { Marked } from 'marked';

const escape = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

const marked = new Marked({
  gfm: true,
  breaks: false,
  async: false,
  renderer: {
    html: ({ raw }) => escape(raw),
    image: ({ raw }) => escape(raw),
    heading: ({ raw }) => `<p>${escape(raw.trimEnd())}</p>`,
    hr: ({ raw }) => `<p>${escape(raw.trimEnd())}</p>`,
    table: ({ raw }) => `<p>${escape(raw.trimEnd())}</p>`,
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
});

const ALLOWED = {
  ALLOWED_TAGS: ['p', 'br', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a'],
  ALLOWED_ATTR: ['href', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
};

/** Past this length a text is shown plain: nobody formats a whole log file, and parsing it would be felt. */
const LONGEST = 8_000;

export function toHtml(text: string): string {
  if (text.length > LONGEST) return `<p>${escape(text)}</p>`;
  const html = marked.parse(text.replace(/\n{3,}/g, '\n\n'), { async: false });
  return DOMPurify.sanitize(html.trim(), ALLOWED);
}

/** What stays of a text, at most its first 400 characters, when nothing can be formatted: one line. */
export function toText(text: string): string {
  const page = new DOMParser().parseFromString(toHtml(text.slice(0, 400)), 'text/html');
  return (page.body.textContent ?? '').replace(/\s+/g, ' ').trim();
}
