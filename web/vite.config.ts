import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    // No data: scripts, no inline helper: the policy of the server allows its own files alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
