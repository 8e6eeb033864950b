/** Files, pictures, devices, backups and invitations as somebody uses them, against the made-up office. */
import { expect, test, type Page } from '@playwright/test';
import { attach, conversation, files, picture, upload } from './scenes';

const ready = async (page: Page, query: string) => {
  await page.goto(`/?${query}`);
  await expect(page.locator('.sidebar, .card').first()).toBeVisible();
};
const openMain = async (page: Page, query = 'fake=30&quiet') => {
  await ready(page, query);
  await conversation(page, /Design review/).click();
  await expect(page.getByRole('article').last()).toBeVisible();
};
const openFiles = async (page: Page) => {
  await ready(page, 'fake=30&quiet');
  await files(page);
};
const row = (page: Page, name: string | RegExp) =>
  page.getByRole('log').locator('.file').filter({ hasText: name });
const last = (page: Page) => page.getByRole('article').last();

test('files without a word are sent, shown and listed', async ({ page }) => {
  await openMain(page);
  await attach(page, [await picture(page, 'view.png'), upload('big.bin', '', 1_500_000)]);
  await expect(page.locator('.chip')).toHaveCount(2);
  await expect(page.locator('.chip .under')).toHaveCount(2);
  await page.locator('.composer textarea').press('Enter');
  await expect(page.locator('.chip')).toHaveCount(0);
  await expect(last(page).getByRole('img', { name: 'view.png' })).toBeVisible();
  await expect(last(page)).toContainText('big.bin');
  await expect(conversation(page, /Design review/)).toContainText('2 files: view.png');
  // What was written in pieces is the picture that was chosen.
  await expect
    .poll(() =>
      last(page)
        .locator('.tile img')
        .evaluate((image: HTMLImageElement) => image.naturalWidth),
    )
    .toBe(640);
  await page.getByRole('button', { name: 'Details', exact: true }).click();
  await expect(page.locator('.panel .file')).toHaveCount(2);
});

test('a staged file is removed, and nothing is sent without text then', async ({ page }) => {
  await openMain(page);
  await attach(page, [upload('a.txt', 'text/plain'), upload('b.txt', 'text/plain')]);
  await page.getByRole('button', { name: 'Remove a.txt' }).click();
  await expect(page.locator('.chip')).toHaveCount(1);
  await page.getByRole('button', { name: 'Remove b.txt' }).click();
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeDisabled();
});

test('more than a message carries is left out, and said', async ({ page }) => {
  await openMain(page);
  await attach(
    page,
    Array.from({ length: 18 }, (_, at) => upload(`${at}.txt`, 'text/plain', 10)),
  );
  await expect(page.locator('.chip')).toHaveCount(16);
  await expect(page.locator('.toast')).toContainText('2 files were left out');
});

test('a dropped file and a pasted picture wait in the composer, and for their conversation only', async ({
  page,
}) => {
  await openMain(page);
  const carrying = (name: string, type: string) =>
    page.evaluateHandle(
      ([name, type]) => {
        const carried = new DataTransfer();
        carried.items.add(new File(['content'], name ?? '', { type: type ?? '' }));
        return carried;
      },
      [name, type],
    );
  const dataTransfer = await carrying('plan.pdf', 'application/pdf');
  await page.locator('.chat').dispatchEvent('dragenter', { dataTransfer });
  await expect(page.getByText('Drop here to send to Design review')).toBeVisible();
  await page.locator('.chat').dispatchEvent('drop', { dataTransfer });
  await expect(page.locator('.drop')).toHaveCount(0);
  await expect(page.locator('.chip')).toContainText('plan.pdf');

  await page.locator('.composer textarea').evaluate((area) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(['content'], 'image.png', { type: 'image/png' }));
    area.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  await expect(page.locator('.chip')).toHaveCount(2);

  await conversation(page, /Alice/).click();
  await expect(page.locator('.chip')).toHaveCount(0);
  await conversation(page, /Design review/).click();
  await expect(page.locator('.chip')).toHaveCount(2);
});

test('a file is fetched with progress, then saved by the browser', async ({ page }) => {
  await openFiles(page);
  const film = row(page, 'demo-recording.mp4');
  await film.scrollIntoViewIfNeeded();
  await film.getByRole('button', { name: /^Fetch/ }).click();
  await expect(film.getByRole('progressbar')).toBeVisible();
  await expect(film).toContainText('from 2 devices');
  await film.getByRole('button', { name: /^Cancel/ }).click();
  await expect(film.getByRole('button', { name: /^Fetch/ })).toBeVisible();
  await expect(film.getByRole('progressbar')).toHaveCount(0);

  const numbers = row(page, 'release-notes-2.4.pdf');
  await numbers.scrollIntoViewIfNeeded();
  const saving = page.waitForEvent('download');
  await numbers.getByRole('button', { name: /^Save/ }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe('release-notes-2.4.pdf');
  await expect(numbers).toContainText('Saved');
});

test('a file that waits or failed says why, and can be tried again', async ({ page }) => {
  await openFiles(page);
  const waiting = row(page, /firmware/);
  await expect(waiting).toContainText('Nobody who has it can be reached');
  const failed = row(page, 'logs.tar.gz');
  await expect(failed).toContainText('Ask for it to be sent again');
  await failed.getByRole('button', { name: 'Try logs.tar.gz again' }).click();
  await expect(failed.getByRole('button', { name: /^Save/ })).toBeVisible();
});

test('a picture opens, is paged by arrows and closes by Esc', async ({ page }) => {
  await openFiles(page);
  const shown = page.getByRole('button', { name: 'Show before.png' });
  // What is far from the screen does not exist yet.
  await page.getByRole('log').hover();
  await page.mouse.wheel(0, -900);
  await shown.scrollIntoViewIfNeeded();
  await shown.focus();
  await page.keyboard.press('Enter');
  const box = page.getByRole('dialog', { name: 'before.png' });
  await expect(box.getByRole('img')).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('dialog', { name: 'after.png' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  // What claims to be a picture and is none does not pretend.
  await page.getByRole('log').hover();
  await page.mouse.wheel(0, 2_000);
  await expect(page.getByText('This picture cannot be shown.')).toBeVisible();
});

test('the keyboard reaches the buttons of the focused message and no others', async ({ page }) => {
  await openFiles(page);
  await last(page).focus();
  await page.keyboard.press('Tab');
  await expect(last(page).getByRole('button', { name: /^Save/ })).toBeFocused();
});

test('a picture that arrives late takes the place of the initials', async ({ page }) => {
  await ready(page, 'fake=30&quiet');
  const bob = conversation(page, /Bob/).locator('.avatar');
  await expect(bob).toHaveText('B');
  await expect(bob.locator('img')).toBeVisible();
});

test("one's own picture is chosen, looked at, taken and taken away", async ({ page }) => {
  await ready(page, 'fake=30&quiet');
  await page.keyboard.press('Control+,');
  const input = page.locator('.chooser input');
  await input.setInputFiles(upload('notes.txt', 'text/plain'));
  await expect(page.getByRole('alert')).toContainText('not a picture');
  await input.setInputFiles(await picture(page, 'me.png'));
  await page.getByRole('button', { name: 'Use this picture' }).click();
  await page.getByRole('button', { name: 'Remove' }).waitFor();
  const mine = page.locator('.me .avatar img');
  await expect.poll(() => mine.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(256);
  await page.getByRole('button', { name: 'Remove' }).click();
  await expect(mine).toHaveCount(0);
});

test("a group's picture is set by whoever manages it", async ({ page }) => {
  await openMain(page);
  await page.getByRole('button', { name: 'Details', exact: true }).click();
  await page.locator('.panel .chooser input').setInputFiles(await picture(page, 'group.png'));
  await page.getByRole('button', { name: 'Use this picture' }).click();
  await expect(conversation(page, /Design review/).locator('.avatar img')).toBeVisible();
});

test('a new device shows a code, gets another when it is over, and is taken in', async ({ page }) => {
  await ready(page, 'fake&scene=new&code=1');
  await page.getByRole('button', { name: 'I already use Anser on another device' }).click();
  const code = page.getByLabel('Code', { exact: true });
  const first = await code.inputValue();
  expect(first).toContain('anser:link/');
  await expect(code).not.toHaveValue(first);
  await expect(page.getByRole('status').filter({ hasText: 'hands your account over' })).toBeVisible();
  await expect(page.locator('.sidebar')).toBeVisible();
});

test('a device is linked by its code; a wrong one is told beside the field', async ({ page }) => {
  await ready(page, 'fake=30&quiet');
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name: 'Devices' }).click();
  await page.getByRole('button', { name: 'Link a device' }).click();
  await page.getByLabel('Code').fill('nonsense');
  await page.getByRole('button', { name: 'Link', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('That is not a code');
  await page.getByLabel('Code').fill('anser:link/abc');
  await page.getByRole('button', { name: 'Link', exact: true }).click();
  await expect(page.getByText('“robin-tablet” now belongs')).toBeVisible();
  await page.getByRole('dialog').last().getByRole('button', { name: 'Close' }).last().click();
  await expect(page.locator('.devices')).toContainText('robin-tablet');
});

test('a backup is cancelled, written, and never over a file by accident', async ({ page }) => {
  await ready(page, 'fake=30&quiet');
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name: 'Backup' }).click();
  const make = page.getByRole('button', { name: 'Make a backup' });
  await page.getByLabel('Passphrase', { exact: true }).fill('short');
  await expect(page.getByText('Too short')).toBeVisible();
  await expect(make).toBeDisabled();
  await page.getByLabel('Passphrase', { exact: true }).fill('long enough for this');
  await page.getByLabel('Passphrase, once more').fill('long enough for that');
  await expect(page.getByRole('alert').filter({ hasText: 'not the same' })).toBeVisible();
  await page.getByLabel('Passphrase, once more').fill('long enough for this');
  await make.click();
  await expect(page.getByRole('progressbar')).toHaveAttribute('aria-valuenow', /[1-9]/);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText('The backup was cancelled')).toBeVisible();

  await page.getByLabel('File on this computer').fill('exists.anser-backup');
  await make.click();
  await expect(page.getByRole('alert').filter({ hasText: 'there already' })).toBeVisible();
  await page.getByRole('button', { name: 'Replace the file' }).click();
  await expect(page.getByRole('status').filter({ hasText: '/home/robin/exists.anser-backup' })).toBeVisible();
});

test('a first start restores a backup once the passphrase is right', async ({ page }) => {
  await ready(page, 'fake&scene=new&quiet');
  await page.getByRole('button', { name: 'Restore from a backup' }).click();
  await page.getByLabel('Backup file').fill('/home/robin/anser.anser-backup');
  await page.getByLabel('Its passphrase').fill('wrong');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('not the passphrase of this backup');
  await page.getByLabel('Its passphrase').fill('right and long');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('progressbar')).toBeVisible();
  await expect(page.locator('.sidebar')).toBeVisible();
});

test('an invitation is made for a group, and another is followed', async ({ page }) => {
  await openMain(page);
  await page.getByRole('button', { name: 'Details', exact: true }).click();
  await page.getByRole('button', { name: 'Invite by link' }).click();
  await expect(page.getByRole('dialog', { name: 'Invite to “Design review”' })).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'Invitation link' })).toHaveValue(/^anser:invite\//);
  await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible();
  await page.keyboard.press('Escape');

  await page.getByRole('tab', { name: /People/ }).click();
  await page.getByRole('button', { name: 'Add by link or address' }).click();
  const field = page.getByLabel('Invitation, link or address');
  await field.fill('anser:nobody');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).not.toBeEmpty();
  await field.fill('anser:invite/abc');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Workshop', exact: true })).toBeVisible();
});

test('how large files may come by themselves is a setting', async ({ page }) => {
  await ready(page, 'fake=30&quiet');
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name: 'Privacy' }).click();
  await expect(page.getByRole('radio', { name: 'Up to 10 MiB' })).toBeChecked();
  await page.getByRole('radio', { name: 'All', exact: true }).click();
  await expect(page.getByRole('radio', { name: 'All', exact: true })).toBeChecked();
});
