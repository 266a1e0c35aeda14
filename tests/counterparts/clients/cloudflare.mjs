// A life of one thing, by Cloudflare's own client: node cloudflare.mjs BASE_URL SERVICE
import { createRequire } from "node:module";
import { tell } from "./tell.mjs";

const Cloudflare = createRequire(process.env.CLIENTS)("cloudflare").default;
const [baseURL, service] = process.argv.slice(2);
const client = new Cloudflare({ apiToken: "test-secret", baseURL, maxRetries: 0 });
const account_id = "023e105f4ecef8ad9ca31a8372d0c353";
const zone_id = account_id;
const at = { account_id };

const lives = {
  "cloudflare-d1": {
    create: () => client.d1.database.create({ ...at, name: "shop", primary_location_hint: "weur" }),
    id: (made) => made.uuid,
    read: (id) => client.d1.database.get(id, at),
    list: () => client.d1.database.list(at),
    remove: (id) => client.d1.database.delete(id, at),
    name: (one) => one.name,
  },
  "cloudflare-kv": {
    create: () => client.kv.namespaces.create({ ...at, title: "sessions" }),
    id: (made) => made.id,
    read: (id) => client.kv.namespaces.get(id, at),
    list: () => client.kv.namespaces.list(at),
    remove: (id) => client.kv.namespaces.delete(id, at),
    name: (one) => one.title,
  },
  "cloudflare-queue": {
    create: () => client.queues.create({ ...at, queue_name: "orders" }),
    id: (made) => made.queue_id,
    read: (id) => client.queues.get(id, at),
    list: () => client.queues.list(at),
    change: (id) => client.queues.update(id, { ...at, queue_name: "orders", settings: { delivery_delay: 5 } }),
    remove: (id) => client.queues.delete(id, at),
    name: (one) => one.queue_name,
  },
  "cloudflare-r2": {
    create: () => client.r2.buckets.create({ ...at, name: "shop-assets", locationHint: "weur" }),
    id: (made) => made.name,
    read: (id) => client.r2.buckets.get(id, at),
    list: async () => (await client.r2.buckets.list(at)).buckets,
    remove: (id) => client.r2.buckets.delete(id, at),
    name: (one) => one.name,
  },
  "cloudflare-dns-record": {
    create: () =>
      client.dns.records.create({ zone_id, name: "www.example.com", type: "A", content: "203.0.113.10", ttl: 300, proxied: false }),
    id: (made) => made.id,
    read: (id) => client.dns.records.get(id, { zone_id }),
    list: () => client.dns.records.list({ zone_id }),
    change: (id) =>
      client.dns.records.edit(id, { zone_id, name: "www.example.com", type: "A", content: "203.0.113.11", ttl: 300 }),
    remove: (id) => client.dns.records.delete(id, { zone_id }),
    name: (one) => one.name,
  },
  "cloudflare-zone": {
    create: () => client.zones.create({ account: { id: account_id }, name: "example.com", type: "full" }),
    id: (made) => made.id,
    read: (id) => client.zones.get({ zone_id: id }),
    list: () => client.zones.list(),
    change: (id) => client.zones.edit({ zone_id: id, paused: true }),
    remove: (id) => client.zones.delete({ zone_id: id }),
    name: (one) => one.name,
  },
  "cloudflare-turnstile": {
    create: () =>
      client.turnstile.widgets.create({ ...at, name: "shop-login", domains: ["example.com"], mode: "managed" }),
    id: (made) => made.sitekey,
    read: (id) => client.turnstile.widgets.get(id, at),
    list: () => client.turnstile.widgets.list(at),
    change: (id) =>
      client.turnstile.widgets.update(id, { ...at, name: "shop-login", domains: ["example.com"], mode: "invisible" }),
    remove: (id) => client.turnstile.widgets.delete(id, at),
    name: (one) => one.name,
  },
  "cloudflare-pages-project": {
    create: () => client.pages.projects.create({ ...at, name: "shop-site", production_branch: "main" }),
    id: (made) => made.name,
    read: (id) => client.pages.projects.get(id, at),
    list: () => client.pages.projects.list(at),
    change: (id) => client.pages.projects.edit(id, { ...at, production_branch: "next" }),
    remove: (id) => client.pages.projects.delete(id, at),
    name: (one) => one.name,
  },
};

await tell(lives, service);
