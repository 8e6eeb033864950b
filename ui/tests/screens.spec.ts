/** Pictures of every view in both themes and languages, to be looked at; and no view may break the content policy. */
import { expect, test } from '@playwright/test';
import { open, SCENES, type Language, type Theme } from './scenes';

for (const theme of ['light', 'dark'] satisfies Theme[]) {
  for (const language of ['en', 'zh-CN'] satisfies Language[]) {
    for (const scene of SCENES) {
      test(`${scene.name} ${theme} ${language}`, async ({ page }) => {
        const complaints: string[] = [];
        page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
        page.on('pageerror', (error) => complaints.push(String(error)));
        await open(page, scene, theme, language);
        await page.screenshot({ path: `test-results/screens/${scene.name}-${theme}-${language}.png` });
        expect(complaints).toEqual([]);
      });
    }
  }
}
