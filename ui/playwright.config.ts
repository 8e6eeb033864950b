import { defineConfig } from '@playwright/test';

/** The system's Chromium: nothing is downloaded. */
const chromium = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const port = 4173;

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results/run',
  fullyParallel: true,
  workers: 2,
  // Generous: a machine that also compiles is slow, and waiting costs nothing where all is well.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: process.env['CI'] !== undefined,
  // A busy machine can lose a click while rows move; the report calls such a test flaky.
  retries: process.env['CI'] === undefined ? 0 : 1,
  reporter: [['list']],
  use: {
    baseURL: `http://localhost:${port}`,
    viewport: { width: 1180, height: 760 },
    launchOptions: {
      executablePath: chromium,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: {
    command: `npm run preview -- --port ${port}`,
    port,
    reuseExistingServer: process.env['CI'] === undefined,
  },
});
