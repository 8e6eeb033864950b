/** The views of the app, each with the way to it; shared by the pictures and the accessibility checks. */
import { expect, type Page } from '@playwright/test';

export interface Scene {
  name: string;
  /** The made-up office to open. */
  query: string;
  go?: (page: Page) => Promise<void>;
}

export type Theme = 'light' | 'dark';
export type Language = 'en' | 'zh-CN';

export const conversation = (page: Page, name: string | RegExp) =>
  page.getByRole('list').getByRole('button', { name }).first();

const main = async (page: Page) => {
  await conversation(page, /Design review/).click();
  await expect(page.getByRole('log').getByRole('article').first()).toBeVisible();
};

const settings = (section: number) => async (page: Page) => {
  await page.keyboard.press('Control+,');
  await page.getByRole('dialog').getByRole('tab').nth(section).click();
};

export const SCENES: Scene[] = [
  { name: 'onboarding', query: 'scene=new' },
  { name: 'onboarding-alone', query: 'scene=alone' },
  { name: 'passphrase', query: 'scene=passphrase' },
  { name: 'locked', query: 'scene=locked' },
  { name: 'broken', query: 'scene=broken' },
  { name: 'main', query: 'fake=30', go: main },
  { name: 'one-message', query: 'fake=1', go: main },
  { name: 'nothing-open', query: 'fake=30' },
  {
    name: 'empty',
    query: 'scene=alone',
    go: async (page) => {
      await page.locator('#name').fill('Robin');
      await page.keyboard.press('Enter');
      await expect(page.locator('.banner')).toBeVisible({ timeout: 10_000 });
    },
  },
  {
    name: 'people-500',
    query: 'fake=3000&people=500',
    go: async (page) => {
      await main(page);
      await page.getByRole('tab').nth(1).click();
      await expect(page.locator('.rows [data-row]').nth(5)).toBeVisible();
    },
  },
  {
    name: 'actions',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await page.locator('.row.own').last().hover();
    },
  },
  {
    name: 'delivery',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await page.locator('button.state').last().click();
      await expect(page.locator('.popover.delivery li').first()).toBeVisible();
    },
  },
  {
    name: 'emoji',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await page.locator('.composer .icon-button').click();
      await expect(page.locator('.picker')).toBeVisible();
    },
  },
  {
    name: 'editing',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await page.keyboard.press('ArrowUp');
      await expect(page.locator('.context')).toBeVisible();
    },
  },
  {
    name: 'details-group',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await page.locator('header .icon-button').last().click();
    },
  },
  {
    name: 'details-person',
    query: 'fake=30',
    go: async (page) => {
      await conversation(page, /Alice/).click();
      await page.locator('header .icon-button').last().click();
    },
  },
  {
    name: 'verify',
    query: 'fake=30',
    go: async (page) => {
      await conversation(page, /Carol/).click();
      await page.locator('header .icon-button').last().click();
      await page.locator('.acts .menu-item').first().click();
      await expect(page.locator('.number span').first()).toBeVisible();
    },
  },
  {
    name: 'search',
    query: 'fake=300',
    go: async (page) => {
      await main(page);
      await page.keyboard.press('Control+f');
      await page.locator('.panel input').fill('build');
      await expect(page.locator('.hit').first()).toBeVisible();
    },
  },
  {
    name: 'request',
    query: 'fake=30',
    go: async (page) => {
      await page.locator('.request .open').click();
      await expect(page.locator('.card .message')).toBeVisible();
    },
  },
  { name: 'new-group', query: 'fake=30', go: (page) => page.keyboard.press('Control+Shift+N') },
  {
    name: 'confirm',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await page.locator('.row.own').last().focus();
      await page.keyboard.press('Delete');
      await expect(page.getByRole('alertdialog')).toBeVisible();
    },
  },
  { name: 'switcher', query: 'fake=30', go: (page) => page.keyboard.press('Control+k') },
  { name: 'shortcuts', query: 'fake=30', go: (page) => page.keyboard.press('?') },
  { name: 'settings-profile', query: 'fake=30', go: settings(0) },
  { name: 'settings-appearance', query: 'fake=30', go: settings(1) },
  { name: 'settings-notifications', query: 'fake=30', go: settings(2) },
  { name: 'settings-privacy', query: 'fake=30', go: settings(3) },
  { name: 'settings-devices', query: 'fake=30', go: settings(4) },
  { name: 'settings-about', query: 'fake=30', go: settings(5) },
];

/** Opens a scene as somebody with this theme and language would see it, and waits until it stands still. */
export async function open(
  page: Page,
  scene: Scene,
  theme: Theme,
  language: Language,
  { freeze = true } = {},
): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  // The desktop shell does the same.
  if (freeze) await page.addInitScript(() => void Object.freeze(Object.prototype));
  await page.addInitScript((tag) => {
    Object.defineProperty(navigator, 'languages', { get: () => [tag] });
  }, language);
  await page.goto(`/?${scene.query.includes('fake') ? '' : 'fake&'}${scene.query}&quiet`);
  await expect(page.locator('.sidebar, .card').first()).toBeVisible();
  await scene.go?.(page);
  // Two frames: what is measured after the first is drawn in the second.
  await page.evaluate(
    () =>
      new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn, 60)))),
  );
}
