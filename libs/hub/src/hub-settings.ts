import { constants, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HubError } from './hub-error.ts';
import { MAX_TOKEN_FILE_BYTES } from './limits.ts';

/** Which hub, which cache, which token: what every function of this library needs to know of the environment. */
export interface HubSettings {
  /** `http(s)://host[:port][/path]`, without a slash at its end. */
  readonly endpoint: string;
  /** HF_HUB_CACHE: the folder that holds `models--org--name`; absolute. */
  readonly cacheFolder: string;
  readonly token: string | null;
  readonly offline: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_ENDPOINT = 'https://huggingface.co';
const TRUE_VALUES = new Set(['1', 'ON', 'YES', 'TRUE']);

/**
 * Reads the environment as the Python client does (`huggingface_hub/constants.py`, `utils/_auth.py`), so that both
 * share one cache and one login. An empty variable counts as unset.
 * @throws HubError `settings` for an endpoint, token or token file that cannot be used
 */
export async function resolveHubSettings(environment: Environment, homeFolder: string): Promise<HubSettings> {
  const expand = (path: string): string => expandPath(path, environment, homeFolder);
  const home = expand(
    environment.HF_HOME || join(environment.XDG_CACHE_HOME || join(homeFolder, '.cache'), 'huggingface'),
  );
  const endpoint = checkEndpoint(environment.HF_ENDPOINT || DEFAULT_ENDPOINT);
  const token = isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)
    ? null
    : (environmentToken(environment, endpoint) ??
      (await fileToken(expand(environment.HF_TOKEN_PATH || join(home, 'token')), endpoint)));
  return {
    endpoint,
    cacheFolder: resolve(
      expand(environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE || join(home, 'hub')),
    ),
    token,
    offline: isTrue(environment.HF_HUB_OFFLINE || environment.TRANSFORMERS_OFFLINE),
  };
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && TRUE_VALUES.has(value.toUpperCase());
}

function expandPath(path: string, environment: Environment, homeFolder: string): string {
  return path
    .replace(/^~(?=\/|$)/, () => homeFolder)
    .replaceAll(
      /\$(?:(\w+)|\{([^}]*)\})/g,
      (whole, name?: string, braced?: string) => environment[name ?? braced ?? ''] ?? whole,
    );
}

function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.username || url?.password) {
    throw new HubError(
      'settings',
      'HF_ENDPOINT holds a user name or password: leave them out, and give the token as HF_TOKEN',
    );
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw new HubError(
      'settings',
      `HF_ENDPOINT ${text.slice(0, 200)}: not an address like ${DEFAULT_ENDPOINT}`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

function environmentToken(environment: Environment, endpoint: string): string | null {
  const name = environment.HF_TOKEN ? 'HF_TOKEN' : 'HUGGING_FACE_HUB_TOKEN';
  return checkToken(environment[name] ?? '', name, endpoint);
}

async function fileToken(path: string, endpoint: string): Promise<string | null> {
  return checkToken(await readTokenFile(path), path, endpoint);
}

async function readTokenFile(path: string): Promise<string> {
  try {
    // A pipe without a writer would block the open itself for ever without O_NONBLOCK.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > MAX_TOKEN_FILE_BYTES) {
      throw new HubError(
        'settings',
        `${path}: not a token file; set HF_TOKEN, or HF_TOKEN_PATH to another file`,
      );
    }
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof HubError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw new HubError(
      'settings',
      `${path}: the token file cannot be read (${code}); set HF_TOKEN, or HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to do without`,
      { cause: error },
    );
  }
}

/** What a header cannot hold is refused here: the runtime's own error would quote the token. */
function checkToken(text: string, where: string, endpoint: string): string | null {
  const token = text.replaceAll(/[\r\n]/g, '').trim();
  if (token === '') return null;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new HubError(
    'settings',
    `${where}: holds characters that no token has; copy it again from ${endpoint}/settings/tokens`,
  );
}
