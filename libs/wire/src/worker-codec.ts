import { cellsFromProto, cellToProto } from './cell-mapping.ts';
import { workerMessageType } from './fleet-proto.ts';
import type { Hello__Output } from './gen/blockpruner/v1/Hello.ts';
import type { WorkerMessage as WorkerMessageProto } from './gen/blockpruner/v1/WorkerMessage.ts';
import { MAX_BATCH_CELLS, MAX_ID_CHARS, MAX_MESSAGE_BYTES, MAX_NAME_CHARS, MAX_THREADS } from './limits.ts';
import type { Hello, WorkerMessage } from './message.ts';
import { checkOfferedProtocols, PROTOCOL_VERSION } from './protocol-version.ts';
import { cutReason, flag, measure, present, reason, rejectAs, text, whole } from './validate.ts';
import { planFromProto } from './task-mapping.ts';
import { countEntries } from './wire-format.ts';

/** Field numbers of WorkerMessage.cells and CellBatch.cells. */
const CELLS_PATH = [4, 2];

const id = text(MAX_ID_CHARS);
const name = text(MAX_NAME_CHARS);
const bytesOfMemory = whole(1, Number.MAX_SAFE_INTEGER);
const threads = whole(1, MAX_THREADS);

/** @throws WireError when the message would be larger than 32 MiB */
export function encodeWorkerMessage(message: WorkerMessage): Buffer {
  const bytes = workerMessageType.serialize(toProto(message));
  if (bytes.length > MAX_MESSAGE_BYTES) {
    rejectAs(
      message.kind,
      `has ${bytes.length} bytes`,
      `must fit in ${MAX_MESSAGE_BYTES} bytes: send fewer cells at a time`,
    );
  }
  return bytes;
}

function toProto(message: WorkerMessage): WorkerMessageProto {
  switch (message.kind) {
    case 'hello':
      return { hello: message };
    case 'ready':
      return { ready: message };
    case 'heartbeat':
      return { heartbeat: { taskId: message.taskId ?? undefined } };
    case 'cells':
      return { cells: { taskId: message.taskId, cells: message.cells.map(cellToProto) } };
    case 'taskDone':
      return { taskDone: message };
    case 'taskFailed':
      return {
        taskFailed: {
          ...message,
          reason: cutReason(message.reason),
          shrunkPlan: message.shrunkPlan ?? undefined,
        },
      };
    case 'failed':
      return { failed: { reason: cutReason(message.reason) } };
    case 'leaving':
      return { leaving: { reason: cutReason(message.reason) } };
    case 'draining':
      return { draining: { ...message, reason: cutReason(message.reason) } };
  }
}

/** @throws WireError naming the first field outside its limits; `protocol` for a hello of another version */
export function decodeWorkerMessage(bytes: Buffer): WorkerMessage {
  const cellCount = countEntries(bytes, CELLS_PATH);
  if (cellCount > MAX_BATCH_CELLS)
    rejectAs('cells.cells', `has ${cellCount} elements`, `must have at most ${MAX_BATCH_CELLS}`);
  const proto = workerMessageType.parse(bytes);
  switch (proto.kind) {
    case 'hello':
      return helloFromProto(present(proto.hello, 'hello'));
    case 'ready':
      return {
        kind: 'ready',
        modelFingerprint: id(proto.ready?.modelFingerprint, 'ready.modelFingerprint'),
        shapePlan: planFromProto(present(proto.ready?.shapePlan, 'ready.shapePlan'), 'ready.shapePlan'),
        peakFlopsPerSecond: measure(proto.ready?.peakFlopsPerSecond, 'ready.peakFlopsPerSecond'),
      };
    case 'heartbeat':
      return {
        kind: 'heartbeat',
        taskId: proto.heartbeat?.taskId === undefined ? null : id(proto.heartbeat.taskId, 'heartbeat.taskId'),
      };
    case 'cells':
      return {
        kind: 'cells',
        taskId: id(proto.cells?.taskId, 'cells.taskId'),
        cells: cellsFromProto(proto.cells?.cells, 'cells.cells'),
      };
    case 'taskDone':
      return {
        kind: 'taskDone',
        taskId: id(proto.taskDone?.taskId, 'taskDone.taskId'),
        computeSeconds: measure(proto.taskDone?.computeSeconds, 'taskDone.computeSeconds'),
      };
    case 'taskFailed':
      return {
        kind: 'taskFailed',
        taskId: id(proto.taskFailed?.taskId, 'taskFailed.taskId'),
        reason: reason(proto.taskFailed?.reason, 'taskFailed.reason'),
        retryable: flag(proto.taskFailed?.retryable, 'taskFailed.retryable'),
        shrunkPlan: proto.taskFailed?.shrunkPlan
          ? planFromProto(proto.taskFailed.shrunkPlan, 'taskFailed.shrunkPlan')
          : null,
      };
    case 'failed':
      return { kind: 'failed', reason: reason(proto.failed?.reason, 'failed.reason') };
    case 'leaving':
      return { kind: 'leaving', reason: reason(proto.leaving?.reason, 'leaving.reason') };
    case 'draining':
      return {
        kind: 'draining',
        taskId: id(proto.draining?.taskId, 'draining.taskId'),
        reason: reason(proto.draining?.reason, 'draining.reason'),
      };
    case undefined:
      return rejectAs(
        'a worker message',
        'is of no known kind',
        `must be one of protocol ${PROTOCOL_VERSION}`,
      );
  }
}

function helloFromProto(proto: Hello__Output): Hello {
  return {
    kind: 'hello',
    ...checkOfferedProtocols(proto.protocolMin, proto.protocolMax),
    workerId: id(proto.workerId, 'hello.workerId'),
    name: name(proto.name, 'hello.name'),
    numericClass: name(proto.numericClass, 'hello.numericClass'),
    device: name(proto.device, 'hello.device'),
    memoryBytes: bytesOfMemory(proto.memoryBytes, 'hello.memoryBytes'),
    threads: threads(proto.threads, 'hello.threads'),
    version: id(proto.version, 'hello.version'),
  };
}
