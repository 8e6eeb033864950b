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

/** The conversation with a file of every sort and state. */
export const files = async (page: Page) => {
  await conversation(page, /Facilities/).click();
  await expect(page.getByRole('log').getByText('seating-plan.xlsx')).toBeVisible();
};

/** Small content of a name's type. */
export const upload = (name: string, mimeType: string, bytes = 2_000) => ({
  name,
  mimeType,
  buffer: Buffer.alloc(bytes, 7),
});

/** A real picture, painted by the page itself. */
export async function picture(page: Page, name: string) {
  const url = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 400;
    const pen = canvas.getContext('2d');
    if (!pen) throw new Error('no canvas');
    pen.fillStyle = '#2a7';
    pen.fillRect(0, 0, 640, 400);
    pen.fillStyle = '#fd5';
    pen.fillRect(220, 100, 200, 200);
    return canvas.toDataURL('image/png');
  });
  return { name, mimeType: 'image/png', buffer: Buffer.from(url.split(',')[1] ?? '', 'base64') };
}

export async function attach(page: Page, chosen: Awaited<ReturnType<typeof picture>>[]) {
  const asking = page.waitForEvent('filechooser');
  await page.locator('.composer .line .icon-button').first().click();
  await (await asking).setFiles(chosen);
}

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
      await page.locator('.composer .icon-button').last().click();
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
  {
    name: 'settings-link',
    query: 'fake=30',
    go: async (page) => {
      await settings(4)(page);
      await page.locator('.settings-body .link .button').click();
      await expect(page.locator('#link-code')).toBeVisible();
    },
  },
  { name: 'settings-backup', query: 'fake=30', go: settings(5) },
  {
    name: 'backup-done',
    query: 'fake=30',
    go: async (page) => {
      await settings(5)(page);
      const fields = page.locator('.settings-body input[type="password"]');
      await fields.first().fill('correct horse battery');
      await fields.last().fill('correct horse battery');
      await page.locator('.settings-body button[type="submit"]').click();
      await expect(page.locator('.written')).toBeVisible();
    },
  },
  { name: 'settings-about', query: 'fake=30', go: settings(6) },
  {
    name: 'files',
    query: 'fake=30',
    go: async (page) => {
      await files(page);
      await expect(page.getByText('scan.webp')).toBeVisible();
    },
  },
  {
    name: 'files-pictures',
    query: 'fake=30',
    go: async (page) => {
      await files(page);
      await page.getByRole('log').hover();
      await page.mouse.wheel(0, -900);
      await expect(page.locator('.tile img').first()).toBeInViewport();
    },
  },
  {
    name: 'files-lightbox',
    query: 'fake=30',
    go: async (page) => {
      await files(page);
      await page.getByRole('log').hover();
      await page.mouse.wheel(0, -900);
      await page.locator('.tile .show').first().click();
      await expect(page.locator('.lightbox img')).toBeVisible();
    },
  },
  {
    name: 'files-details',
    query: 'fake=30',
    go: async (page) => {
      await files(page);
      await page.locator('header .icon-button').last().click();
      await page.locator('.panel .file').first().scrollIntoViewIfNeeded();
      await page.locator('.panel .body').evaluate((body) => body.scrollBy(0, 400));
    },
  },
  {
    name: 'files-staged',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      await attach(page, [
        await picture(page, 'view.png'),
        upload('minutes-of-the-meeting-2026-11.pdf', 'application/pdf', 90_000),
        upload('报告.docx', 'application/octet-stream', 30_000),
      ]);
      await expect(page.locator('.chip .under')).toHaveCount(3);
    },
  },
  {
    name: 'files-drop',
    query: 'fake=30',
    go: async (page) => {
      await main(page);
      const data = await page.evaluateHandle(() => {
        const carried = new DataTransfer();
        carried.items.add(new File(['x'], 'x.txt'));
        return carried;
      });
      await page.locator('.chat').dispatchEvent('dragenter', { dataTransfer: data });
      await expect(page.locator('.drop')).toBeVisible();
    },
  },
  {
    name: 'onboarding-link',
    query: 'scene=new',
    go: async (page) => {
      await page.locator('.ways .button').first().click();
      await expect(page.locator('svg.qr')).toBeVisible();
    },
  },
  {
    name: 'onboarding-restore',
    query: 'scene=new',
    go: async (page) => {
      await page.locator('.ways .button').last().click();
      await page.locator('#restore-path').fill('/home/robin/anser.anser-backup');
      await page.locator('#restore-passphrase').fill('wrong');
      await page.keyboard.press('Enter');
      await expect(page.getByRole('alert')).not.toBeEmpty();
    },
  },
  {
    name: 'invite',
    query: 'fake=30',
    go: async (page) => {
      await page.getByRole('tab').nth(1).click();
      await page.locator('.way').first().click();
      await expect(page.locator('svg.qr')).toBeVisible();
    },
  },
  {
    name: 'join-waiting',
    query: 'fake=30',
    go: async (page) => {
      await page.getByRole('tab').nth(1).click();
      await page.locator('.way').last().click();
      await page.locator('#address').fill('anser:invite/away');
      await page.keyboard.press('Enter');
      await expect(page.getByRole('dialog').getByRole('status')).toBeVisible();
    },
  },
  {
    name: 'picture-preview',
    query: 'fake=30',
    go: async (page) => {
      await settings(0)(page);
      await page.locator('.chooser input').setInputFiles(await picture(page, 'me.png'));
      await expect(page.locator('.chooser .avatar img')).toBeVisible();
    },
  },
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
