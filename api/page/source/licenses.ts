import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const FILE = "third-party-licenses.txt";
const SCOPE = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/;

/** Collects the license texts of the packages that end up in the build, by name. */
export function licenses(): Plugin {
  return {
    name: "licenses",
    apply: "build",
    generateBundle() {
      const folders = new Map<string, string>();
      for (const id of this.getModuleIds()) {
        const found = SCOPE.exec(id.replaceAll("\\", "/").split("?")[0]);
        if (found) folders.set(found[1], found[0]);
      }
      const source = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(textOf).join("\n");
      this.emitFile({ type: "asset", fileName: FILE, source });
    },
  };
}

function textOf([name, folder]: [string, string]): string {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).sort().find((entry) => /^licen[cs]e/i.test(entry));
  const path = file ? join(folder, file) : "";
  const text = path && existsSync(path) ? readFileSync(path, "utf8").trim() : "(no text of its own)";
  return `${name} ${about.version}: ${about.license}\n${"-".repeat(72)}\n${text}\n`;
}
