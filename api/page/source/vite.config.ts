import { defineConfig } from "vitest/config";
import { licenses } from "./licenses.ts";

// All addresses are relative to the document, so that the page works behind any prefix.
export default defineConfig({
  base: "./",
  plugins: [licenses()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // The tools may lie elsewhere, behind a link: names, and with them what is built, do not depend on that.
  resolve: {
    preserveSymlinks: true,
    dedupe: ["@codemirror/state", "@codemirror/view", "@lezer/common", "@lezer/lr"],
  },
  build: {
    outDir: "built",
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"] },
});
