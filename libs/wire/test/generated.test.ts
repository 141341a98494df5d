import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const library = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'blockpruner-wire-'));

afterAll(() => rmSync(folder, { recursive: true }));

function filesOf(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(root, name), 'utf8')]));
}

it('the generated types are those of the .proto files: run generate.sh', { timeout: 60_000 }, () => {
  const fresh = join(folder, 'gen');
  execFileSync(join(library, 'generate.sh'), [fresh]);
  expect(filesOf(join(library, 'src/gen'))).toEqual(filesOf(fresh));
});
