import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Under whatever path the service, or a proxy before it, has the console.
  base: './',
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL('../dist/console', import.meta.url)),
    emptyOutDir: true,
    target: ['chrome123', 'firefox128', 'safari17.5'],
    modulePreload: { polyfill: false },
    // A data: URL would be refused by the page's Content-Security-Policy where it isn't an image.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What most screens share, in one file: many small ones are packed badly, and each is a request.
        codeSplitting: {
          groups: [
            { name: 'shared', test: /console\/src|src\/client|react-query|query-core/, minShareCount: 3 },
          ],
        },
      },
    },
  },
  // `npx vite console`: the page from here, the API from the service that runs beside it.
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080/console' } } },
});
