import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, waitFor } from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { bearer, parseTokens, showsToken, tokenFile, tokenFileWarning } from './access-token.ts';

const FIRST = 'first-token-0123456789';
const SECOND = 'second-token-0123456789';

const folder = temporaryFolder();
afterAll(() => folder.remove());

describe('parseTokens', () => {
  it('takes one a line, without the space around it', () => {
    expect(parseTokens(`\n  ${FIRST} \r\n\n${SECOND}\n`, 'x')).toEqual([FIRST, SECOND]);
  });

  it.each([
    ['', 'f holds no token'],
    ['   \n\n', 'f holds no token'],
    ['short', 'f holds a token of 5 characters: it must have 16 to 1024'],
    [`${FIRST}\n${'x'.repeat(1025)}`, 'f holds a token of 1025 characters'],
    ['two words in one token', 'f holds a token with a space'],
    ['a-tökén-0123456789', 'f holds a token with a space or a character outside ASCII'],
  ])('refuses %j without showing it', (text, message) => {
    expect(() => parseTokens(text, 'f')).toThrow(message);
  });
});

describe('showsToken', () => {
  it('accepts each accepted token as a bearer, and nothing else', () => {
    expect(showsToken(bearer(SECOND), [FIRST, SECOND])).toBe(true);
    expect(showsToken(SECOND, [FIRST, SECOND])).toBe(false);
    expect(showsToken(undefined, [FIRST])).toBe(false);
    expect(showsToken(Buffer.from(bearer(FIRST)), [FIRST])).toBe(false);
    expect(showsToken(bearer(''), [FIRST])).toBe(false);
    expect(showsToken(bearer(FIRST), [])).toBe(false);
  });

  it('accepts no other text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(showsToken(text, [FIRST])).toBe(text === bearer(FIRST));
      }),
    );
  });
});

describe('tokenFile', () => {
  it('follows the file, and names it once it cannot be read', async () => {
    const file = join(folder.path, 'token');
    writeFileSync(file, FIRST);
    const tokens = tokenFile(file);
    expect(tokens()).toEqual([FIRST]);
    writeFileSync(file, `${SECOND}\n${FIRST}`);
    await waitFor(() => tokens().length === 2, { timeoutMs: 10_000 });
    expect(tokens()).toEqual([SECOND, FIRST]);
    rmSync(file);
    await waitFor(() => failureOf(tokens) !== undefined, { timeoutMs: 10_000 });
    expect(failureOf(tokens)).toMatchObject({
      code: 'bad-credentials',
      message: `token file ${file} cannot be read: ENOENT`,
    });
  });

  it('warns of a file that others can read', () => {
    const file = join(folder.path, 'open');
    writeFileSync(file, FIRST, { mode: 0o600 });
    expect(tokenFileWarning(file)).toBeUndefined();
    chmodSync(file, 0o440);
    expect(tokenFileWarning(file)).toBeUndefined();
    chmodSync(file, 0o604);
    expect(tokenFileWarning(file)).toBe(`token file ${file} can be read by others: chmod 600 ${file}`);
  });
});

function failureOf(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
