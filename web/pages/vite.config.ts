import { defineConfig } from "vite";

/** Built into the Python package, from where the node serves it. */
export default defineConfig({
  resolve: {
    alias: { "roomlog-provider": new URL("../provider/src/index.ts", import.meta.url).pathname },
    dedupe: ["lib0", "socket.io-client", "y-protocols", "yjs"], // the provider's sources are ours here: one copy of each
  },
  build: {
    outDir: "../../app/static",
    emptyOutDir: true,
    target: ["chrome123", "firefox120", "safari17.5"], // the first with light-dark() in their style sheets
    assetsInlineLimit: 0, // no data: addresses; the pages' policy names what they may load
    modulePreload: { polyfill: false },
    rollupOptions: { input: ["index.html", "console.html"] },
  },
});
