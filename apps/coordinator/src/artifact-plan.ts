import { parseBytes } from '@blockpruner/telemetry';
import type { ArtifactGuard } from './artifact-message.ts';
import { parseListen } from './listen-address.ts';
import type { RemotePort } from './remote-port.ts';
import { UsageError } from './usage-error.ts';
import type { WorkerSettings } from './worker-plan.ts';

/** Slower, a message would take longer than a worker waits for it. */
const LEAST_BYTES_PER_SECOND = 2 ** 20;

/** Where and how the model's files are served. */
export interface ArtifactPlan {
  readonly host: string;
  /** Tried in order; 0: any free one. */
  readonly ports: readonly number[];
  /** The host that workers dial; null: the one that they dialled already. */
  readonly dialHost: string | null;
  readonly maxStreams: number;
  readonly bytesPerSecond: number | null;
  readonly guard: ArtifactGuard;
}

/**
 * @param remote where the coordinator itself listens, and whom it lets in: the files are for the same
 * @returns null when the files are not to be served
 * @throws UsageError when an option cannot be read
 */
export function planArtifacts(
  { artifactListen, artifactBandwidth, artifactStreams = 8 }: WorkerSettings,
  { host: listenHost, port: listenPort, guard }: Pick<RemotePort, 'host' | 'port' | 'guard'>,
): ArtifactPlan | null {
  if (artifactListen === 'none') return null;
  const limits = { maxStreams: artifactStreams, bytesPerSecond: bandwidth(artifactBandwidth), guard };
  if (artifactListen === undefined) {
    const next = listenPort + 1;
    const ports = listenPort === 0 || next > 65_535 ? [0] : [next, 0];
    return { host: listenHost, ports, dialHost: null, ...limits };
  }
  const { host, port } = parseListen(artifactListen, '--artifact-listen');
  const isOwn = host !== listenHost && host !== '0.0.0.0' && host !== '::';
  return { host, ports: [port], dialHost: isOwn ? host : null, ...limits };
}

function bandwidth(value: string | undefined): number | null {
  if (value === undefined) return null;
  const bytes = parseBytes(value.replace(/\/s$/, ''));
  if (bytes === undefined || bytes < LEAST_BYTES_PER_SECOND) {
    throw new UsageError(
      `--artifact-bandwidth must be a size for each second of at least 1MiB, e.g. 1GiB or 200MiB; got "${value}"`,
    );
  }
  return bytes;
}
