import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

// One file that needs nothing beside it: on a node there is no node_modules.
export default defineConfig(
  preset(
    { main: "src/main.ts" },
    {
      splitting: false,
      noExternal: [/.*/],
      banner: {
        // CommonJS packages inside require Node's own modules, and pino names __dirname for the workers that kx never uses.
        js: 'import { createRequire as kxCreateRequire } from "node:module";\nconst require = kxCreateRequire(import.meta.url);',
      },
    },
  ),
);
