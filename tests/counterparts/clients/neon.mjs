// A life of one thing, by Neon's own client: node neon.mjs BASE_URL SERVICE
import { createRequire } from "node:module";
import { tell } from "./tell.mjs";

const { createApiClient } = createRequire(process.env.CLIENTS)("@neondatabase/api-client");
const [baseURL, service] = process.argv.slice(2);
const client = createApiClient({ apiKey: "test-secret", baseURL });
const project = "shiny-wind-028834";
const branch = "br-aged-salad-637688";
const data = async (answer) => (await answer).data;

const lives = {
  "neon-project": {
    create: async () =>
      (await data(client.createProject({ project: { name: "shop", region_id: "aws-eu-central-1", pg_version: 17 } }))).project,
    id: (made) => made.id,
    read: async (id) => (await data(client.getProject(id))).project,
    list: async () => (await data(client.listProjects({ limit: 10 }))).projects,
    change: async (id) => (await data(client.updateProject(id, { project: { history_retention_seconds: 0 } }))).project,
    remove: (id) => client.deleteProject(id),
    name: (one) => one.name,
  },
  "neon-branch": {
    create: async () => (await data(client.createProjectBranch(project, { branch: { name: "preview" } }))).branch,
    id: (made) => made.id,
    read: async (id) => (await data(client.getProjectBranch(project, id))).branch,
    list: async () => (await data(client.listProjectBranches({ projectId: project }))).branches,
    change: async (id) => (await data(client.updateProjectBranch(project, id, { branch: { protected: true } }))).branch,
    remove: (id) => client.deleteProjectBranch({ projectId: project, branchId: id }),
    name: (one) => one.name,
  },
  "neon-database": {
    create: async () =>
      (await data(client.createProjectBranchDatabase(project, branch, { database: { name: "shop", owner_name: "casey" } }))).database,
    id: (made) => made.name,
    read: async (id) => (await data(client.getProjectBranchDatabase(project, branch, id))).database,
    list: async () => (await data(client.listProjectBranchDatabases(project, branch))).databases,
    remove: (id) => client.deleteProjectBranchDatabase(project, branch, id),
    name: (one) => one.name,
  },
  "neon-role": {
    create: async () => (await data(client.createProjectBranchRole(project, branch, { role: { name: "app" } }))).role,
    id: (made) => made.name,
    read: async (id) => (await data(client.getProjectBranchRole(project, branch, id))).role,
    list: async () => (await data(client.listProjectBranchRoles(project, branch))).roles,
    remove: (id) => client.deleteProjectBranchRole(project, branch, id),
    name: (one) => one.name,
  },
};

await tell(lives, service);
