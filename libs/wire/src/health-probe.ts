import { credentials, makeClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { service, type ServingStatus } from 'grpc-health-check';
import { formatAddress, type Address } from './address.ts';

const DEADLINE_MS = 5000;

interface HealthClient {
  Check(
    request: { service: string },
    options: { deadline: number },
    callback: (error: ServiceError | null, answer?: { status: ServingStatus }) => void,
  ): void;
  close(): void;
}

const Client = makeClientConstructor(service, 'Health');

/**
 * Asks a health port as a probe of Kubernetes does.
 * @param name of the service: `liveness`, `readiness` or empty
 * @returns what it answers; rejects with the gRPC status of a failed call
 */
export function probeHealth(address: Address, name: string): Promise<ServingStatus> {
  const client = new Client(formatAddress(address), credentials.createInsecure()) as unknown as HealthClient;
  return new Promise<ServingStatus>((resolve, reject) => {
    client.Check({ service: name }, { deadline: Date.now() + DEADLINE_MS }, (error, answer) => {
      client.close();
      if (error) reject(error);
      else resolve(answer?.status ?? 'UNKNOWN');
    });
  });
}
