import { Client, type ServiceError } from '@grpc/grpc-js';
import {
  ArtifactError,
  type ArtifactSource,
  type FetchReply,
  type FetchRequest,
  type ManifestReply,
} from '@blockpruner/artifacts';
import { formatAddress, type Address } from './address.ts';
import {
  decodeFetchReply,
  decodeManifestReply,
  encodeFetchRequest,
  encodeManifestRequest,
} from './artifact-codec.ts';
import { ARTIFACT_SERVICE } from './artifact-proto.ts';
import { errorOf } from './artifact-status.ts';
import { dialParameters } from './client-credentials.ts';
import { ARTIFACT_WINDOW_BYTES } from './limits.ts';
import type { ClientSecurity } from './security.ts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/** The files of a model, from the process that serves them. Each request has a connection of its own. */
export class ArtifactClient implements ArtifactSource {
  private readonly at: Address;
  private readonly address: string;
  private readonly security: ClientSecurity;
  private readonly windowBytes: number;

  /** @param windowBytes what may be under way to us at once: 16 MiB, which fill 10 Gbit/s over a round trip of 10 ms */
  constructor(address: Address, security: ClientSecurity = {}, windowBytes = ARTIFACT_WINDOW_BYTES) {
    this.at = address;
    this.address = formatAddress(address);
    this.security = security;
    this.windowBytes = windowBytes;
  }

  manifest(fingerprint: string, signal: AbortSignal): AsyncIterable<ManifestReply> {
    const { path } = ARTIFACT_SERVICE.GetManifest;
    return this.ask(path, encodeManifestRequest(fingerprint), decodeManifestReply, signal);
  }

  fetch(request: FetchRequest, signal: AbortSignal): AsyncIterable<FetchReply> {
    return this.ask(ARTIFACT_SERVICE.Fetch.path, encodeFetchRequest(request), decodeFetchReply, signal);
  }

  private async *ask<Reply>(
    path: string,
    request: Buffer,
    decode: (bytes: Buffer) => Reply,
    signal: AbortSignal,
  ): AsyncGenerator<Reply, void> {
    signal.throwIfAborted();
    const { requestSerialize, responseDeserialize } = ARTIFACT_SERVICE.Fetch;
    const { target, credentials, options, metadata } = dialParameters(this.at, this.security);
    const channel = new Client(target, credentials, {
      ...options,
      'grpc-node.flow_control_window': this.windowBytes,
    });
    const call = channel.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
    );
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const bytes of call) yield decode(bytes as Buffer);
    } catch (error) {
      signal.throwIfAborted();
      throw this.converted(error);
    } finally {
      signal.removeEventListener('abort', cancel);
      call.on('error', () => undefined); // of the cancelling
      call.cancel();
      channel.close();
    }
  }

  private converted(error: unknown): unknown {
    if (error instanceof WireError) {
      return new ArtifactError('damaged', cutReason(`artifacts at ${this.address}: ${error.message}`), {
        cause: error,
      });
    }
    const { code, details } = error as Partial<ServiceError>;
    return typeof code === 'number' ? errorOf(code, details ?? '', this.address, error) : error;
  }
}
