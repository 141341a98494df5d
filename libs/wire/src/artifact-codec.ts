import {
  CHUNK_RANGE_BYTES,
  chunkCount,
  HASH_BYTES,
  isSafeName,
  MAX_CHUNKS,
  MAX_FILES,
  type ArtifactFile,
  type FetchReply,
  type FetchRequest,
  type Manifest,
  type ManifestReply,
} from '@blockpruner/artifacts';
import {
  fetchReplyType,
  fetchRequestType,
  manifestReplyType,
  manifestRequestType,
} from './artifact-proto.ts';
import type { ArtifactFile__Output } from './gen/blockpruner/v1/ArtifactFile.ts';
import type { Manifest__Output } from './gen/blockpruner/v1/Manifest.ts';
import { MAX_ARTIFACT_REQUEST_BYTES, MAX_DATA_BYTES, MAX_ID_CHARS } from './limits.ts';
import { binary, list, present, reject, rejectAs, text, whole, type Check } from './validate.ts';
import { countEntries } from './wire-format.ts';

/** Field numbers of ManifestReply.manifest and Manifest.files. */
const FILES_PATH = [2, 3];

const fingerprint = text(MAX_ID_CHARS);
const hash = binary(HASH_BYTES, HASH_BYTES);
const data = binary(1, MAX_DATA_BYTES);
const size = whole(1, Number.MAX_SAFE_INTEGER);
const offset = whole(0, Number.MAX_SAFE_INTEGER);
const chunkBytes = whole(CHUNK_RANGE_BYTES.min, CHUNK_RANGE_BYTES.max);
const place = whole(0, 2 ** 32 - 1);

const name: Check<string> = (value, at) =>
  typeof value === 'string' && isSafeName(value)
    ? value
    : reject(at, value, 'must be the plain name of a file, which leads nowhere else');

export function encodeManifestRequest(fingerprintOfModel: string): Buffer {
  return manifestRequestType.serialize({ fingerprint: fingerprintOfModel });
}

/** @returns the fingerprint. @throws WireError naming the first field outside its limits */
export function decodeManifestRequest(bytes: Buffer): string {
  checkRequestSize(bytes);
  return fingerprint(manifestRequestType.parse(bytes).fingerprint, 'request.fingerprint');
}

export function encodeFetchRequest({ sha256, offsetBytes, lengthBytes }: FetchRequest): Buffer {
  return fetchRequestType.serialize({ sha256: Buffer.from(sha256, 'hex'), offsetBytes, lengthBytes });
}

/** @throws WireError naming the first field outside its limits */
export function decodeFetchRequest(bytes: Buffer): FetchRequest {
  checkRequestSize(bytes);
  const proto = fetchRequestType.parse(bytes);
  return {
    sha256: hash(proto.sha256, 'request.sha256').toString('hex'),
    offsetBytes: offset(proto.offsetBytes, 'request.offsetBytes'),
    lengthBytes: size(proto.lengthBytes, 'request.lengthBytes'),
  };
}

export function encodeManifestReply(reply: ManifestReply): Buffer {
  if (reply.kind === 'hashing') return manifestReplyType.serialize({ hashing: reply });
  const { chunkBytes: bytesOfChunk, entry, files } = reply.manifest;
  return manifestReplyType.serialize({
    manifest: {
      chunkBytes: bytesOfChunk,
      entry: entry ?? undefined,
      files: files.map((file) => ({ ...file, sha256: Buffer.from(file.sha256, 'hex') })),
    },
  });
}

/** @throws WireError naming the first field outside its limits */
export function decodeManifestReply(bytes: Buffer): ManifestReply {
  const fileCount = countEntries(bytes, FILES_PATH);
  if (fileCount > MAX_FILES) {
    rejectAs('manifest.files', `has ${fileCount} elements`, `must have at most ${MAX_FILES}`);
  }
  const proto = manifestReplyType.parse(bytes);
  switch (proto.kind) {
    case 'hashing':
      return {
        kind: 'hashing',
        doneBytes: offset(proto.hashing?.doneBytes, 'hashing.doneBytes'),
        totalBytes: offset(proto.hashing?.totalBytes, 'hashing.totalBytes'),
      };
    case 'manifest':
      return { kind: 'manifest', manifest: manifestFromProto(present(proto.manifest, 'manifest')) };
    case undefined:
      return rejectAs('a reply about a manifest', 'is of no known kind', 'must be hashing or manifest');
  }
}

export function encodeFetchReply(reply: FetchReply): Buffer {
  return fetchReplyType.serialize(
    reply.kind === 'waiting' ? { waiting: { ahead: reply.ahead } } : { data: reply.bytes },
  );
}

/** @throws WireError naming the first field outside its limits */
export function decodeFetchReply(bytes: Buffer): FetchReply {
  const proto = fetchReplyType.parse(bytes);
  switch (proto.kind) {
    case 'waiting':
      return { kind: 'waiting', ahead: place(proto.waiting?.ahead, 'waiting.ahead') };
    case 'data':
      return { kind: 'data', bytes: data(proto.data, 'data') };
    case undefined:
      return rejectAs('a reply to a fetch', 'is of no known kind', 'must be waiting or data');
  }
}

function checkRequestSize(bytes: Buffer): void {
  if (bytes.length > MAX_ARTIFACT_REQUEST_BYTES) {
    rejectAs('the request', `has ${bytes.length} bytes`, `must fit in ${MAX_ARTIFACT_REQUEST_BYTES}`);
  }
}

function manifestFromProto(proto: Manifest__Output): Manifest {
  const bytesOfChunk = chunkBytes(proto.chunkBytes, 'manifest.chunkBytes');
  const files = list(fileOf(bytesOfChunk), 1, MAX_FILES)(proto.files, 'manifest.files');
  const names = new Set<string>();
  let chunks = 0;
  files.forEach((file, i) => {
    if (names.has(file.name)) reject(`manifest.files[${i}].name`, file.name, 'two files have this name');
    names.add(file.name);
    chunks += file.chunkHashes.length / HASH_BYTES;
  });
  if (chunks > MAX_CHUNKS) rejectAs('manifest', `has ${chunks} chunks`, `must have at most ${MAX_CHUNKS}`);
  const entry = proto.entry ?? null;
  if (entry !== null && !names.has(entry)) reject('manifest.entry', entry, 'must be one of the files');
  return { chunkBytes: bytesOfChunk, entry, files };
}

function fileOf(bytesOfChunk: number): Check<ArtifactFile> {
  return (value, at) => {
    const proto = value as ArtifactFile__Output;
    const sizeBytes = size(proto.sizeBytes, `${at}.sizeBytes`);
    const hashBytes = HASH_BYTES * chunkCount(sizeBytes, bytesOfChunk);
    return {
      name: name(proto.name, `${at}.name`),
      sizeBytes,
      sha256: hash(proto.sha256, `${at}.sha256`).toString('hex'),
      chunkHashes: binary(hashBytes, hashBytes)(proto.chunkHashes, `${at}.chunkHashes`),
    };
  };
}
