import { coordinatorMessageType } from './fleet-proto.ts';
import type { CoordinatorMessage as CoordinatorMessageProto } from './gen/blockpruner/v1/CoordinatorMessage.ts';
import type { ArtifactAddress__Output } from './gen/blockpruner/v1/ArtifactAddress.ts';
import type { Welcome as WelcomeProto, Welcome__Output } from './gen/blockpruner/v1/Welcome.ts';
import {
  HEARTBEAT_RANGE_MS,
  MAX_ID_CHARS,
  MAX_MESSAGE_BYTES,
  MAX_NAME_CHARS,
  MAX_PATH_CHARS,
  MAX_ROW_TOKENS,
  MAX_TASK_ROWS,
  MIN_ROW_TOKENS,
} from './limits.ts';
import type { ArtifactAddress, CoordinatorMessage, Welcome } from './message.ts';
import { checkChosenProtocol, PROTOCOL_VERSION } from './protocol-version.ts';
import { microBatchRows, planFromProto, taskFromProto, taskToProto } from './task-mapping.ts';
import { cutReason, present, reason, reject, rejectAs, text, whole, type Check } from './validate.ts';
import { countEntries } from './wire-format.ts';

/** Field numbers of CoordinatorMessage.assign, Assign.sweep and SweepTask.rows. */
const ROWS_PATH = [2, 1, 5];

const id = text(MAX_ID_CHARS);
const path = text(MAX_PATH_CHARS);
const host: Check<string> = (value, at) =>
  /^[\w.:%-]+$/.test(text(MAX_NAME_CHARS)(value, at))
    ? (value as string)
    : reject(at, value, 'must be the name or the address of a host');
const port = whole(1, 65_535);
const rowTokens = whole(MIN_ROW_TOKENS, MAX_ROW_TOKENS);
const heartbeatMs = whole(HEARTBEAT_RANGE_MS.min, HEARTBEAT_RANGE_MS.max);

/** @throws WireError when the message would be larger than 32 MiB */
export function encodeCoordinatorMessage(message: CoordinatorMessage): Buffer {
  const bytes = coordinatorMessageType.serialize(toProto(message));
  if (bytes.length > MAX_MESSAGE_BYTES) {
    rejectAs(
      message.kind,
      `has ${bytes.length} bytes`,
      `must fit in ${MAX_MESSAGE_BYTES} bytes: give a task fewer rows`,
    );
  }
  return bytes;
}

function toProto(message: CoordinatorMessage): CoordinatorMessageProto {
  switch (message.kind) {
    case 'welcome':
      return { welcome: welcomeToProto(message) };
    case 'assign':
      return { assign: { sweep: taskToProto(message.task) } };
    case 'cancel':
      return { cancel: message };
    case 'drain':
      return { drain: {} };
    case 'finished':
      return { finished: {} };
    case 'refused':
      return { refused: { reason: cutReason(message.reason) } };
  }
}

function welcomeToProto({ microBatchRows, artifacts, ...welcome }: Welcome): WelcomeProto {
  return {
    ...welcome,
    microBatchRows: microBatchRows ?? undefined,
    artifacts: artifacts && { port: artifacts.port, host: artifacts.host ?? undefined },
  };
}

/** @throws WireError naming the first field outside its limits; `protocol` for a welcome to another version */
export function decodeCoordinatorMessage(bytes: Buffer): CoordinatorMessage {
  const rowCount = countEntries(bytes, ROWS_PATH);
  if (rowCount > MAX_TASK_ROWS) {
    rejectAs('assign.sweep.rows', `has ${rowCount} elements`, `must have at most ${MAX_TASK_ROWS}`);
  }
  const proto = coordinatorMessageType.parse(bytes);
  switch (proto.kind) {
    case 'welcome':
      return welcomeFromProto(present(proto.welcome, 'welcome'));
    case 'assign':
      return {
        kind: 'assign',
        task: taskFromProto(present(proto.assign?.sweep, 'assign.sweep'), 'assign.sweep'),
      };
    case 'cancel':
      return { kind: 'cancel', taskId: id(proto.cancel?.taskId, 'cancel.taskId') };
    case 'drain':
      return { kind: 'drain' };
    case 'finished':
      return { kind: 'finished' };
    case 'refused':
      return { kind: 'refused', reason: reason(proto.refused?.reason, 'refused.reason') };
    case undefined:
      return rejectAs(
        'a coordinator message',
        'is of no known kind',
        `must be one of protocol ${PROTOCOL_VERSION}`,
      );
  }
}

function welcomeFromProto(proto: Welcome__Output): Welcome {
  return {
    kind: 'welcome',
    protocol: checkChosenProtocol(proto.protocol),
    runId: id(proto.runId, 'welcome.runId'),
    model: {
      path: path(proto.model?.path, 'welcome.model.path'),
      fingerprint: id(proto.model?.fingerprint, 'welcome.model.fingerprint'),
    },
    heartbeatMs: heartbeatMs(proto.heartbeatMs, 'welcome.heartbeatMs'),
    shapePlan: proto.shapePlan ? planFromProto(proto.shapePlan, 'welcome.shapePlan') : null,
    longestRowTokens: rowTokens(proto.longestRowTokens, 'welcome.longestRowTokens'),
    microBatchRows:
      proto.microBatchRows === undefined
        ? null
        : microBatchRows(proto.microBatchRows, 'welcome.microBatchRows'),
    artifacts: proto.artifacts ? artifactsFromProto(proto.artifacts) : null,
  };
}

function artifactsFromProto(proto: ArtifactAddress__Output): ArtifactAddress {
  return {
    host: proto.host === undefined ? null : host(proto.host, 'welcome.artifacts.host'),
    port: port(proto.port, 'welcome.artifacts.port'),
  };
}
