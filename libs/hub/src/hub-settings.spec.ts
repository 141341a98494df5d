import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubError } from './hub-error.ts';
import { resolveHubSettings } from './hub-settings.ts';

let home: TemporaryFolder;
beforeEach(() => {
  home = temporaryFolder();
});
afterEach(() => home.remove());

const resolve = (environment: Record<string, string> = {}) => resolveHubSettings(environment, home.path);

describe('resolveHubSettings', () => {
  it('has the defaults of the Python client', async () => {
    expect(await resolve()).toEqual({
      endpoint: 'https://huggingface.co',
      cacheFolder: join(home.path, '.cache/huggingface/hub'),
      token: null,
      offline: false,
    });
  });

  it('finds the cache by the nearest of the variables', async () => {
    const environment: Record<string, string> = {};
    for (const [name, value, cache] of [
      ['XDG_CACHE_HOME', '/xdg', '/xdg/huggingface/hub'],
      ['HF_HOME', '~/hf', join(home.path, 'hf/hub')],
      ['HUGGINGFACE_HUB_CACHE', '$BASE/old', '/base/old'],
      ['HF_HUB_CACHE', '${BASE}/new/$UNKNOWN', '/base/new/$UNKNOWN'],
      ['HF_HUB_CACHE', '', '/base/old'],
    ]) {
      environment[name] = value;
      expect((await resolve({ BASE: '/base', ...environment })).cacheFolder).toBe(cache);
    }
  });

  it('takes the endpoint without the slashes at its end', async () => {
    expect((await resolve({ HF_ENDPOINT: 'https://hf-mirror.com/' })).endpoint).toBe('https://hf-mirror.com');
    expect((await resolve({ HF_ENDPOINT: 'http://localhost:8080/hf//' })).endpoint).toBe(
      'http://localhost:8080/hf',
    );
  });

  it.each(['nonsense', 'ftp://host', 'https://', 'https://host/?x=1', 'https://host/#x'])(
    'refuses the endpoint %s',
    async (endpoint) => {
      await expect(resolve({ HF_ENDPOINT: endpoint })).rejects.toThrow(/HF_ENDPOINT/);
    },
  );

  it('refuses an endpoint with a password, without repeating it', async () => {
    const error = await resolve({ HF_ENDPOINT: 'https://me:s3cret@host' }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HubError);
    expect((error as HubError).message).not.toContain('s3cret');
  });

  it('takes the token from HF_TOKEN, the older variable, then the file', async () => {
    const folder = join(home.path, '.cache/huggingface');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'token'), ' hf_file\n');
    writeFileSync(join(home.path, 'mine'), 'hf_mine');
    expect((await resolve()).token).toBe('hf_file');
    expect((await resolve({ HF_TOKEN_PATH: '~/mine' })).token).toBe('hf_mine');
    expect((await resolve({ HF_HOME: '/nowhere' })).token).toBeNull();
    expect((await resolve({ HUGGING_FACE_HUB_TOKEN: 'hf_old' })).token).toBe('hf_old');
    expect((await resolve({ HUGGING_FACE_HUB_TOKEN: 'hf_old', HF_TOKEN: ' hf_new\r\n' })).token).toBe(
      'hf_new',
    );
    expect((await resolve({ HF_TOKEN: '  ' })).token).toBe('hf_file');
    expect((await resolve({ HF_TOKEN: 'hf_new', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).token).toBeNull();
  });

  it.each(['hf_se cret', 'hf_sécret', 'hf_secret\u0007x'])(
    'refuses the token %j without repeating it',
    async (token) => {
      const error = await resolve({ HF_TOKEN: token }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(HubError);
      expect((error as HubError).code).toBe('settings');
      expect((error as HubError).message).toMatch(/^HF_TOKEN/);
      expect((error as HubError).message).not.toMatch(/cret/);
    },
  );

  it('refuses a token file that is none, and names it', async () => {
    await expect(resolve({ HF_TOKEN_PATH: home.path })).rejects.toThrow(home.path);
    await expect(resolve({ HF_TOKEN_PATH: '/dev/zero' })).rejects.toThrow('/dev/zero');
    const large = join(home.path, 'large');
    writeFileSync(large, 'x'.repeat(100_000));
    await expect(resolve({ HF_TOKEN_PATH: large })).rejects.toThrow(large);
    chmodSync(large, 0);
    await expect(resolve({ HF_TOKEN_PATH: large })).rejects.toThrow(large);
  });

  it.each([
    [{ HF_HUB_OFFLINE: '1' }, true],
    [{ HF_HUB_OFFLINE: 'yes' }, true],
    [{ HF_HUB_OFFLINE: '0' }, false],
    [{ TRANSFORMERS_OFFLINE: 'True' }, true],
    [{ HF_HUB_OFFLINE: '', TRANSFORMERS_OFFLINE: 'on' }, true],
    [{ HF_HUB_OFFLINE: '0', TRANSFORMERS_OFFLINE: '1' }, false],
  ])('reads %j as the Python client does', async (environment, offline) => {
    expect((await resolve(environment as Record<string, string>)).offline).toBe(offline);
  });
});
