/** The app as somebody uses it, against the made-up office. */
import { expect, test, type Page } from '@playwright/test';
import { conversation } from './scenes';

const ready = async (page: Page, query: string) => {
  await page.goto(`/?${query}&quiet`);
  await expect(page.locator('.sidebar, .card').first()).toBeVisible();
};
const openMain = async (page: Page, query = 'fake=30') => {
  await ready(page, query);
  await conversation(page, /Design review/).click();
  await expect(page.getByRole('article').last()).toBeVisible();
};
const composer = (page: Page) => page.locator('.composer textarea');
/** How far the log is from its end, in pixels. */
const fromEnd = (page: Page) =>
  page.getByRole('log').evaluate((log) => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight));

test('a first start asks one thing and shows who is there', async ({ page }) => {
  await ready(page, 'fake&scene=new&people=5');
  await expect(page.getByRole('listitem')).toHaveCount(5);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('Enter a name');
  await page.keyboard.type('Robin');
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: /People/ }).click();
  await conversation(page, /Alice/).click();
  // The conversation is made first.
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type('Hello');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('article').last()).toContainText('Hello');
});

test('a wrong passphrase says so, the right one opens', async ({ page }) => {
  await ready(page, 'fake&scene=passphrase');
  await page.getByLabel('Passphrase').fill('no');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('not the passphrase');
  await page.getByLabel('Passphrase').fill('correct');
  await page.keyboard.press('Enter');
  await expect(page.locator('.sidebar')).toBeVisible();
});

test('what is sent appears once, goes out, and the list follows', async ({ page }) => {
  await openMain(page);
  await page.keyboard.type('First line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second');
  await page.keyboard.press('Enter');
  const sent = page.getByRole('article').filter({ hasText: 'First line' });
  await expect(sent).toHaveCount(1);
  await expect(composer(page)).toHaveValue('');
  await expect(sent.getByRole('button', { name: /^Delivered/ })).toBeVisible();
  await expect.poll(() => fromEnd(page)).toBeLessThan(3);
});

test('Up edits the last own message, Esc lets it be', async ({ page }) => {
  await openMain(page);
  await page.keyboard.type('typo');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('article').last()).toContainText('typo');
  await page.keyboard.press('ArrowUp');
  await expect(composer(page)).toHaveValue('typo');
  await page.keyboard.press('Escape');
  await expect(composer(page)).toHaveValue('');
  await page.keyboard.press('ArrowUp');
  await composer(page).fill('better');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('article').last()).toContainText('better');
  await expect(page.getByRole('article').last()).toContainText('edited');
});

test('everything is reached by keyboard', async ({ page }) => {
  await ready(page, 'fake=30');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  await page.keyboard.press('Control+k');
  await page.keyboard.type('release');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Release 2.4' })).toBeVisible();
  await expect(composer(page)).toBeFocused();

  await page.keyboard.press('Shift+Tab');
  await expect(page.getByRole('article').last()).toBeFocused();
  const text = await page.getByRole('article').last().getAttribute('data-message');
  await page.keyboard.press('ArrowUp');
  await expect(page.locator('[data-message]:focus')).not.toHaveAttribute('data-message', text ?? '');
  await page.keyboard.press('r');
  await expect(page.getByText(/Replying to|Editing/)).toBeVisible();
  await page.keyboard.press('Escape');

  await page.keyboard.press('Control+f');
  await expect(page.getByRole('searchbox', { name: 'Words to look for' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.locator('.panel')).toHaveCount(0);
});

test('a draft survives the page', async ({ page }) => {
  await openMain(page);
  await page.keyboard.type('half a thou');
  await page.reload();
  await expect(composer(page)).toHaveValue('half a thou');
});

test('a search hit far back is shown in its place', async ({ page }) => {
  await openMain(page, 'fake=3000');
  await page.keyboard.press('Control+f');
  await page.keyboard.type('HDMI');
  await page.locator('.hit').last().click();
  await expect(page.locator('.row.target')).toBeInViewport();
  await page.getByRole('button', { name: 'Jump to the latest' }).click();
  await expect.poll(() => fromEnd(page)).toBeLessThan(3);
});

test('3,000 messages scroll without growing the page or jumping', async ({ page }) => {
  await openMain(page, 'fake=3000');
  await expect.poll(() => fromEnd(page)).toBeLessThan(3);
  const log = page.getByRole('log');
  await log.hover();
  for (let turn = 0; turn < 25; turn += 1) {
    await page.mouse.wheel(0, -900);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await expect.poll(() => fromEnd(page)).toBeGreaterThan(8_000);
  expect(await page.getByRole('article').count()).toBeLessThan(60);
  expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThan(2_500);
  const seen = await page
    .getByRole('article')
    .evaluateAll((rows) => rows.filter((row) => row.checkVisibility()).length);
  expect(seen).toBeGreaterThan(3);
});

test('opening the details keeps the end in sight', async ({ page }) => {
  await openMain(page);
  await page.getByRole('button', { name: 'Details', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Details' })).toBeVisible();
  await expect.poll(() => fromEnd(page)).toBeLessThan(3);
});

test('500 people are a short list to the page, and arrows reach the last', async ({ page }) => {
  await ready(page, 'fake=30&people=500');
  await page.getByRole('tab', { name: /People/ }).click();
  const rows = page.getByRole('list', { name: 'People' }).getByRole('listitem');
  await expect(rows.first()).toHaveAttribute('aria-setsize', '500');
  expect(await rows.count()).toBeLessThan(60);
  await rows.first().getByRole('button').focus();
  await page.keyboard.press('End');
  await expect(page.locator('[aria-posinset="500"] button')).toBeFocused();
  // Whose conversation is open can be seen in either list.
  await page.keyboard.press('Enter');
  await expect(composer(page)).toBeVisible();
  await expect(page.locator('[aria-posinset="500"] button')).toHaveAttribute('aria-current', 'true');
});

test('archiving can be taken back', async ({ page }) => {
  await openMain(page);
  await page.getByRole('button', { name: 'Details', exact: true }).click();
  await page.getByRole('switch', { name: 'Archived' }).click();
  await expect(conversation(page, /Design review/)).toHaveCount(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(conversation(page, /Design review/)).toBeVisible();
});

test('the language changes while running', async ({ page }) => {
  await ready(page, 'fake=30');
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name: 'Appearance' }).click();
  await page.getByRole('radio', { name: '简体中文' }).click();
  await expect(page.getByRole('heading', { name: '设置' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
});

test('a request is read without answering, then accepted', async ({ page }) => {
  await ready(page, 'fake=30');
  await page.locator('.request .open').click();
  await expect(page.getByText('May I ask you about the printer?').last()).toBeVisible();
  await page.locator('main').getByRole('button', { name: 'Accept' }).click();
  await expect(composer(page)).toBeVisible();
  await expect(page.getByRole('region', { name: 'Message requests' })).toHaveCount(0);
});

test('a group is made from chosen people', async ({ page }) => {
  await ready(page, 'fake=30');
  await page.keyboard.press('Control+Shift+N');
  await page.getByLabel('Group name').fill('Lunch');
  await page.getByRole('checkbox', { name: 'Alice' }).click();
  await page.getByRole('checkbox', { name: 'Bob' }).click();
  await page.getByRole('button', { name: 'Create group' }).click();
  await expect(page.getByRole('heading', { name: 'Lunch' })).toBeVisible();
  await expect(page.getByText('3 members')).toBeVisible();
});

test('a message is formatted, and cannot be more than that', async ({ page }) => {
  await openMain(page);
  const say = async (text: string) => {
    await composer(page).fill(text);
    await page.keyboard.press('Enter');
    await expect(composer(page)).toHaveValue('');
    return page.getByRole('article').last().locator('.markdown');
  };
  await expect((await say('a **b** `c`')).locator('strong')).toHaveText('b');
  const hostile = await say(
    '<img src=x onerror=alert(1)><script>alert(1)</script> ![p](https://example.org/p.png)',
  );
  await expect(hostile.locator('img, script')).toHaveCount(0);
  await expect(hostile).toContainText('<script>');
  await expect(
    (await say('[x](javascript:alert(1)) [y](file:///etc/passwd)')).locator('a[href]'),
  ).toHaveCount(0);
  await expect((await say('# not a title')).locator('h1')).toHaveCount(0);
  const link = await say('see https://example.org/notes');
  await expect(link.locator('a')).toHaveAttribute('href', 'https://example.org/notes');
});
