import { describe, expect, it } from 'vitest';
import { toHtml, toText } from './markdown';

// What is taken away as unsafe is tested in a real browser: the sanitiser needs one.
describe('markdown', () => {
  it('keeps what people use in a chat and shows everything else as it was typed', () => {
    expect(toHtml('**a** `b` <img src=x onerror=alert(1)>')).toContain(
      '<strong>a</strong> <code>b</code> &lt;img src=x onerror=alert(1)&gt;',
    );
    expect(toText('# no heading')).toBe('# no heading');
  });

  it('leaves one plain line for lists of conversations', () => {
    expect(toText('`make test` is **green**:\n\n- one\n- [two](https://example.org)')).toBe(
      'make test is green: one two',
    );
    expect(toText('1 < 2 & 3 > 2')).toBe('1 < 2 & 3 > 2');
    expect(toText('<b>not bold</b>')).toBe('<b>not bold</b>');
    expect(toText('x'.repeat(9_000))).toHaveLength(400);
  });
});
