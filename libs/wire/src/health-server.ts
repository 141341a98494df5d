import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation, type ServingStatusMap } from 'grpc-health-check';
import { formatAddress, type Address } from './address.ts';
import { listenError } from './listen-error.ts';

/** Answers as long as the process does, whatever becomes of its peers: a restart helps where it falls silent. */
const LIVENESS = 'liveness';
/** Whether the process does what it is there for. */
const READINESS = 'readiness';
/** A request names a service, and nothing else. */
const MAX_MESSAGE_BYTES = 4096;
/** Probes come one at a time. */
const MAX_CALLS = 16;

/**
 * The gRPC health protocol (grpc.health.v1) on a port of its own, without TLS or token, since the probes of Kubernetes bring
 * neither: services `liveness`, `readiness`, and the empty name for the former.
 */
export class HealthServer {
  private readonly server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CALLS,
  });
  private readonly health: HealthImplementation;

  private constructor(isReady: boolean) {
    const statuses: ServingStatusMap = {
      '': 'SERVING',
      [LIVENESS]: 'SERVING',
      [READINESS]: statusOf(isReady),
    };
    this.health = new HealthImplementation(statuses);
    this.health.addToServer(this.server);
  }

  /** @throws WireError `port-in-use`, or `cannot-listen` for a host or port that cannot be bound */
  static async listen(address: Address, isReady: boolean): Promise<HealthServer> {
    const health = new HealthServer(isReady);
    const at = formatAddress(address);
    await new Promise<void>((resolve, fail) => {
      health.server.bindAsync(at, ServerCredentials.createInsecure(), (error) =>
        error ? fail(listenError(at, error)) : resolve(),
      );
    });
    return health;
  }

  set isReady(isReady: boolean) {
    this.health.setStatus(READINESS, statusOf(isReady));
  }

  close(): void {
    this.server.forceShutdown();
  }
}

function statusOf(isServing: boolean): 'SERVING' | 'NOT_SERVING' {
  return isServing ? 'SERVING' : 'NOT_SERVING';
}
