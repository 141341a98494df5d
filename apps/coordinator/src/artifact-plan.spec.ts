import { describe, expect, it } from 'vitest';
import { planArtifacts } from './artifact-plan.ts';
import { UsageError } from './usage-error.ts';

const GUARD = { tls: null, tokenFile: null, tokens: ['0123456789abcdef'] };
const at = (host: string, port: number) => ({ host, port, guard: GUARD });

describe('planArtifacts', () => {
  it('listens beside the coordinator, on the next port or any free one, and lets in the same', () => {
    expect(planArtifacts({}, at('0.0.0.0', 50051))).toEqual({
      host: '0.0.0.0',
      ports: [50052, 0],
      dialHost: null,
      maxStreams: 8,
      bytesPerSecond: null,
      guard: GUARD,
    });
    expect(planArtifacts({}, at('::', 0))?.ports).toEqual([0]);
    expect(planArtifacts({}, at('::', 65_535))?.ports).toEqual([0]);
  });

  it('tells workers a host of its own only where it has one', () => {
    const dialled = (artifactListen: string) => planArtifacts({ artifactListen }, at('10.0.0.5', 50051));
    expect(dialled('10.1.0.5:7000')).toMatchObject({ host: '10.1.0.5', ports: [7000], dialHost: '10.1.0.5' });
    expect(dialled('10.0.0.5:7000')?.dialHost).toBeNull();
    expect(dialled('7000')).toMatchObject({ host: '0.0.0.0', dialHost: null });
    expect(dialled('none')).toBeNull();
  });

  it('reads a bandwidth, with or without the second', () => {
    const read = (artifactBandwidth: string) =>
      planArtifacts({ artifactBandwidth }, at('::', 1))?.bytesPerSecond;
    expect(['1GiB', '200MiB/s', '1048576'].map(read)).toEqual([2 ** 30, 200 * 2 ** 20, 2 ** 20]);
    for (const odd of ['fast', '0', '1023KiB', '1GB/min']) {
      expect(() => read(odd)).toThrow(UsageError);
      expect(() => read(odd)).toThrow(`got "${odd}"`);
    }
    expect(() => planArtifacts({ artifactListen: 'x:y:z' }, at('::', 1))).toThrow(
      /^--artifact-listen must be host:port/,
    );
  });
});
