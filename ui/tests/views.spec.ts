/**
 * Every view in both themes and languages: a picture to be looked at, no complaint of the browser (a broken content
 * policy, an error), and nothing that axe calls serious or critical.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test, type Page } from '@playwright/test';
import { open, SCENES, type Language, type Theme } from './scenes';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Finding {
  id: string;
  impact: string | null;
  nodes: { target: unknown[]; failureSummary?: string }[];
}

async function graveFindings(page: Page): Promise<string[]> {
  await page.evaluate(source);
  const findings = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: Finding[] }> };
    };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    return (await axe.run({ runOnly: tags, resultTypes: ['violations'] })).violations;
  });
  return findings
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${String(node.target)} ${node.failureSummary}`));
}

for (const theme of ['light', 'dark'] satisfies Theme[]) {
  for (const language of ['en', 'zh-CN'] satisfies Language[]) {
    for (const scene of SCENES) {
      test(`${scene.name} ${theme} ${language}`, async ({ page }) => {
        const complaints: string[] = [];
        page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
        page.on('pageerror', (error) => complaints.push(String(error)));
        // axe does not run where the prototypes are frozen as in the desktop shell; contrast and roles do not
        // depend on the language, so each half of the runs checks one of the two.
        const checked = language === 'en';
        await open(page, scene, theme, language, { freeze: !checked });
        await page.screenshot({ path: `test-results/screens/${scene.name}-${theme}-${language}.png` });
        if (checked) expect(await graveFindings(page)).toEqual([]);
        expect(complaints).toEqual([]);
      });
    }
  }
}
