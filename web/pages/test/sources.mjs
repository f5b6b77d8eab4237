// Lets Node load the pages' sources as Vite does: a module is named without its ending.
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    const source = specifier.startsWith(".") && new URL(`${specifier}.ts`, context.parentURL);
    return next(source && existsSync(source) ? source.href : specifier, context);
  },
});
