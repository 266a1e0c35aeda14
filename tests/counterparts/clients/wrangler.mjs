// A life of one thing, by Cloudflare's own command line: node wrangler.mjs BASE_URL SERVICE
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const [base, service] = process.argv.slice(2);
const program = join(dirname(process.env.CLIENTS), "node_modules/wrangler/bin/wrangler.js");
const home = mkdtempSync(join(tmpdir(), "wrangler-"));
const env = {
  PATH: process.env.PATH,
  HOME: home,
  CI: "true",
  CLOUDFLARE_API_BASE_URL: base,
  CLOUDFLARE_API_TOKEN: "test-secret",
  CLOUDFLARE_ACCOUNT_ID: "023e105f4ecef8ad9ca31a8372d0c353",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
};
const wrangler = (...words) =>
  execFileSync(process.execPath, [program, ...words], { cwd: home, env, encoding: "utf8", timeout: 60_000 });
const json = (text) => JSON.parse(text.slice(text.indexOf("[")));
const column = (text, pattern) => [...text.matchAll(pattern)].map((found) => found[1]);

const lives = {
  "cloudflare-d1": {
    name: "shop",
    create: () => wrangler("d1", "create", "shop"),
    list: () => json(wrangler("d1", "list", "--json")).map((one) => one.name),
    remove: () => wrangler("d1", "delete", "shop", "-y"),
  },
  "cloudflare-kv": {
    name: "sessions",
    create: () => wrangler("kv", "namespace", "create", "sessions"),
    list: () => json(wrangler("kv", "namespace", "list")).map((one) => one.title),
    remove: () => {
      const [found] = json(wrangler("kv", "namespace", "list"));
      return wrangler("kv", "namespace", "delete", "--namespace-id", found.id, "--skip-confirmation");
    },
  },
  "cloudflare-queue": {
    name: "orders",
    create: () => wrangler("queues", "create", "orders"),
    list: () => column(wrangler("queues", "list"), /│ [0-9a-f]{32} │ (\S+)/g),
    remove: () => wrangler("queues", "delete", "orders"),
  },
  "cloudflare-r2": {
    name: "shop-assets",
    create: () => wrangler("r2", "bucket", "create", "shop-assets"),
    list: () => column(wrangler("r2", "bucket", "list"), /^name:\s+(\S+)/gm),
    remove: () => wrangler("r2", "bucket", "delete", "shop-assets"),
  },
};

const refused = (work) => {
  try {
    work();
    return 200;
  } catch {
    return 409;
  }
};

try {
  const life = lives[service];
  life.create();
  const seen = { made: life.name, read: null, listed: life.list(), again: refused(life.create), changed: null };
  life.remove();
  seen.left = life.list().length;
  seen.gone = null;
  console.log(JSON.stringify(seen));
} catch (error) {
  console.error(`${error.stdout ?? ""}${error.stderr ?? ""}${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}
