import { randomBytes } from "node:crypto";
import { person } from "./people";

const secret = (): string => randomBytes(32).toString("base64url");

/** Gitea's configuration: loopback only, nothing outside its folder, Actions on, `uses:` looked for in itself. */
export const configuration = (dir: string, url: string, port: number): string => `
RUN_MODE = prod
RUN_USER = ${person().name}
WORK_PATH = ${dir}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = ${url}/
STATIC_ROOT_PATH = ${dir}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = ${dir}/gitea.db
[repository]
ROOT = ${dir}/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = ${secret()}
INTERNAL_TOKEN = ${secret()}
[oauth2]
JWT_SECRET = ${secret()}
[service]
DISABLE_REGISTRATION = true
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = true
DEFAULT_ACTIONS_URL = self
[log]
LEVEL = Warn
`;
