import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchDatasetFrom } from '../src/fetch-dataset.ts';
import { fetchModelFrom } from '../src/fetch-model.ts';
import { parseDatasetReference, parseModelReference } from '../src/reference.ts';
import { closeSites, hubError, openSite, shardedModel } from './hub-site.ts';

afterEach(closeSites);

const TOKEN = 'hf_secretsecret';
const MODEL = 'models/org/name';
const reference = (text: string) => parseModelReference(text)!;

describe('the token', () => {
  it('goes to the hub with every request, and never to the content network', async () => {
    const { hubWith, standIn } = await openSite({ [MODEL]: shardedModel() }, { token: TOKEN, pageSize: 3 });
    await fetchModelFrom(hubWith({ token: TOKEN }), reference('org/name'));
    const sent = (host: string) =>
      new Set(standIn.requests.filter((request) => request.host === host).map((one) => one.authorization));
    expect(sent('hub')).toEqual(new Set([`Bearer ${TOKEN}`]));
    expect(sent('cdn')).toEqual(new Set([undefined]));
  });

  it('does not follow a listing to another host', async () => {
    const { hubWith, standIn } = await openSite({ [MODEL]: shardedModel() });
    const other = await openSite({ [MODEL]: shardedModel() });
    const link = `<${other.standIn.endpoint}/api/models/org/name/tree/main>; rel="next"`;
    standIn.fault({ at: '/tree/', kind: 'reply', body: '[]', headers: { link } });
    await fetchModelFrom(hubWith({ token: TOKEN }), reference('org/name')).catch(() => undefined);
    expect(other.standIn.requests.length).toBe(1);
    expect(other.standIn.requests[0].authorization).toBeUndefined();
  });

  it('of another form than the hub gives out is sent as it is', async () => {
    const { hubWith } = await openSite({ [MODEL]: shardedModel() }, { token: 'of-a-mirror' });
    await fetchModelFrom(hubWith({ token: 'of-a-mirror' }), reference('org/name'));
  });

  it.each([401, 403, 404, 418, 500])('is in no message, cause included, after %d', async (status) => {
    const { hubWith, standIn } = await openSite({ [MODEL]: shardedModel() });
    const headers = { 'x-error-message': TOKEN, 'www-authenticate': TOKEN };
    standIn.fault({ at: '/', kind: 'status', status, headers, times: Infinity });
    const error = await hubError(fetchModelFrom(hubWith({ token: TOKEN }), reference('org/name')));
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(TOKEN);
  });
});

describe('a repository that the hub does not give', () => {
  it('for want of a login, is told with its licence page and HF_TOKEN', async () => {
    const { hub, standIn } = await openSite({ [MODEL]: shardedModel() }, { token: TOKEN });
    const error = await hubError(fetchModelFrom(hub, reference('org/name')));
    expect(error.code).toBe('unauthorized');
    expect(error.message).toContain(`accept its licence at ${standIn.endpoint}/org/name, and set HF_TOKEN`);
  });

  it('to this account, is told with its licence page', async () => {
    const { hubWith, standIn } = await openSite({ 'datasets/org/name': { 'a.txt': '' } }, { token: TOKEN });
    const error = await hubError(
      fetchDatasetFrom(hubWith({ token: 'hf_other' }), parseDatasetReference('hf:org/name')!),
    );
    expect(error.code).toBe('unauthorized');
    expect(error.message).toContain(`${standIn.endpoint}/datasets/org/name`);
  });

  it('because the token is invalid, is told with the page of the tokens', async () => {
    const { hubWith, standIn } = await openSite({ [MODEL]: shardedModel() });
    standIn.fault({ at: '/revision/', kind: 'status', status: 401 });
    const error = await hubError(fetchModelFrom(hubWith({ token: TOKEN }), reference('org/name')));
    expect(error.code).toBe('unauthorized');
    expect(error.message).toContain('/settings/tokens');
  });

  it('because it does not exist, is named with its revision', async () => {
    const { hub, hubWith } = await openSite({ [MODEL]: shardedModel() });
    const unknown = await hubError(fetchModelFrom(hub, reference('org/typo')));
    expect(unknown.code).toBe('unauthorized');
    expect(unknown.message).toContain('check the name');
    const withLogin = await hubError(fetchModelFrom(hubWith({ token: TOKEN }), reference('org/typo@v1')));
    expect(withLogin.code).toBe('not-found');
    expect(withLogin.message).toMatch(/org\/typo: no such model .*revision v1/);
  });

  it('because it lacks the revision, is named with the revision', async () => {
    const { hub } = await openSite({ [MODEL]: shardedModel() });
    for (const revision of ['nope', 'a'.repeat(40)]) {
      const error = await hubError(fetchModelFrom(hub, reference(`org/name@${revision}`)));
      expect(error.code).toBe('not-found');
      expect(error.message).toContain(`no revision ${revision}`);
    }
  });

  it('because there is no hub at that address, is told with HF_ENDPOINT', async () => {
    const { hub, standIn } = await openSite({ [MODEL]: shardedModel() });
    standIn.fault({ at: '/', kind: 'status', status: 400, times: Infinity });
    expect((await hubError(fetchModelFrom(hub, reference('org/name')))).message).toContain('HF_ENDPOINT');
  });
});
