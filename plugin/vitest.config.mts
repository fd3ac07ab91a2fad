import path from 'node:path';

import { defineConfig } from 'vitest/config';

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  resolve: { alias: { '@': path.resolve(import.meta.dirname, 'src') } },
  test: {
    environment: 'jsdom',
    globals: true,
    include: ['src/**/*.test.{ts,tsx}', 'tests/**/*.test.ts'],
    setupFiles: ['./tests/setup.ts'],
    testTimeout: 120_000, // a busy machine with two cores
    fileParallelism: false, // importing @grafana/ui is most of the time, and two at once only wait for each other
    silent: 'passed-only',
    server: { deps: { inline: [/@grafana\//] } },
  },
});
