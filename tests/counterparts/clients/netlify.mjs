// A life of one thing, by Netlify's own client: node netlify.mjs BASE_URL SERVICE
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { tell } from "./tell.mjs";

const found = createRequire(process.env.CLIENTS).resolve("@netlify/api");
const { NetlifyAPI } = await import(pathToFileURL(found).href);
const [base, service] = process.argv.slice(2);
const { host } = new URL(base);
const client = new NetlifyAPI("test-secret", { scheme: "http", host });
const accountId = "acme";
const site_id = "3970e0fe-8564-4903-9a55-c5f8de49fb8b";

const variable = {
  key: "DATABASE_URL",
  is_secret: false,
  scopes: ["builds", "functions", "runtime", "post-processing"],
  values: [{ context: "all", value: "postgres://shop:correct-horse@db.example.com/shop" }],
};

const lives = {
  "netlify-site": {
    create: () => client.createSiteInTeam({ account_slug: accountId, body: { name: "acme-shop" } }),
    id: (made) => made.id,
    read: (id) => client.getSite({ site_id: id }),
    list: () => client.listSitesForAccount({ account_slug: accountId }),
    change: (id) => client.updateSite({ site_id: id, body: { force_ssl: false } }),
    remove: (id) => client.deleteSite({ site_id: id }),
    name: (one) => one.name,
  },
  "netlify-env": {
    create: async () =>
      (await client.createEnvVars({
        account_id: accountId,
        site_id,
        body: [variable],
      }))[0],
    id: (made) => made.key,
    read: (key) => client.getEnvVar({ account_id: accountId, key, site_id }),
    list: () => client.getEnvVars({ account_id: accountId, site_id }),
    remove: (key) => client.deleteEnvVar({ account_id: accountId, key, site_id }),
    name: (one) => one.key,
  },
  "netlify-dns-zone": {
    create: () => client.createDnsZone({ body: { name: "example.com", account_slug: accountId } }),
    id: (made) => made.id,
    read: (zone_id) => client.getDnsZone({ zone_id }),
    list: () => client.getDnsZones(),
    remove: (zone_id) => client.deleteDnsZone({ zone_id }),
    name: (one) => one.name,
  },
};

await tell(lives, service);
