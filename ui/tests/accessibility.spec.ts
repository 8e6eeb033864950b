/** axe on every view in both themes: nothing serious, nothing critical. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from '@playwright/test';
import { open, SCENES, type Theme } from './scenes';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Finding {
  id: string;
  impact: string | null;
  nodes: { target: unknown[]; failureSummary?: string }[];
}

for (const theme of ['light', 'dark'] satisfies Theme[]) {
  for (const scene of SCENES) {
    test(`${scene.name} ${theme}`, async ({ page }) => {
      await open(page, scene, theme, 'en', { freeze: false });
      await page.evaluate(source);
      const findings = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(options: object): Promise<{ violations: Finding[] }> };
        };
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
        return (await axe.run({ runOnly: tags })).violations;
      });
      const grave = findings
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => ({
          id,
          where: nodes.map((node) => `${String(node.target)} ${node.failureSummary}`),
        }));
      expect(grave).toEqual([]);
    });
  }
}
