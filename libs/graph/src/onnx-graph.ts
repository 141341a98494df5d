import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './gen/onnx_pb.js';

/** `GroupQueryAttention` lives here. */
export const MICROSOFT_DOMAIN = 'com.microsoft';

const IR_VERSION = 10n;
const ONNX_OPSET = 21n;

export type ElementType = 'float32' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'uint8' | 'bool';

const DATA_TYPES: Record<ElementType, DataType> = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

export type AttributeValue = number | { readonly float: number } | readonly number[] | string | Graph;

/** A tensor whose bytes stay in the checkpoint's own file. `location` is relative to the session's folder. */
export interface ExternalTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly location: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * One ONNX graph under construction: the model's own, or the body of an `If` or `Loop`, which sees the values
 * of the graphs around it by name. Value names are unique across nesting because each graph prefixes its own.
 *
 * Constants go to the outermost graph, once each: onnxruntime writes those of a body twice when it saves a model,
 * and cannot read it back.
 */
export class Graph {
  private readonly name: string;
  private readonly outermost: Graph;
  private readonly constants = new Map<string, string>();
  private readonly nodes: NodeProto[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private valueCount = 0;

  /** @param around the graph that this is a body in; none for the model's own */
  constructor(name: string, around?: Graph) {
    this.name = name;
    this.outermost = around?.outermost ?? this;
  }

  /** @param shape numbers, or names of symbolic dimensions; undefined leaves the rank open */
  input(name: string, type: ElementType, shape?: readonly (number | string)[]): string {
    this.inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(value: string, type: ElementType, shape?: readonly (number | string)[]): void {
    this.outputs.push(valueInfo(value, type, shape));
  }

  /** Gives a value the name under which callers fetch it. */
  namedOutput(name: string, value: string, type: ElementType, shape: readonly (number | string)[]): void {
    this.nodes.push(create(NodeProtoSchema, { name, opType: 'Identity', input: [value], output: [name] }));
    this.output(name, type, shape);
  }

  /** Adds a node with one output. @returns the output's name */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeValue> = {},
    domain = '',
  ): string {
    return this.nodeWithOutputs(op, inputs, 1, attributes, domain)[0];
  }

  nodeWithOutputs(
    op: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Record<string, AttributeValue> = {},
    domain = '',
  ): string[] {
    const outputs = Array.from({ length: outputCount }, () => this.freshName(op));
    this.nodes.push(
      create(NodeProtoSchema, {
        name: outputs[0],
        opType: op,
        domain,
        input: [...inputs],
        output: outputs,
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      }),
    );
    return outputs;
  }

  /** An int64 constant: a vector of the values, or a scalar when given a number. */
  int64(values: number | readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values;
    return this.constant('int64', typeof values === 'number' ? [] : [list.length], {
      int64Data: list.map((value) => BigInt(value)),
    });
  }

  int32(value: number): string {
    return this.constant('int32', [], { int32Data: [value] });
  }

  float32(value: number): string {
    return this.constant('float32', [], { floatData: [value] });
  }

  /** A tensor whose values are in the model itself. */
  float32Tensor(name: string, shape: readonly number[], values: Float32Array): string {
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const dims = shape.map((dim) => BigInt(dim));
    this.initializers.push(create(TensorProtoSchema, { name, dataType: DataType.FLOAT, dims, rawData }));
    return name;
  }

  external(tensor: ExternalTensor): string {
    this.initializers.push(
      create(TensorProtoSchema, {
        name: tensor.name,
        dataType: DATA_TYPES[tensor.type],
        dims: tensor.shape.map((dim) => BigInt(dim)),
        dataLocation: DataLocation.EXTERNAL,
        externalData: [
          { key: 'location', value: tensor.location },
          { key: 'offset', value: String(tensor.offsetBytes) },
          { key: 'length', value: String(tensor.lengthBytes) },
        ],
      }),
    );
    return tensor.name;
  }

  toProto(): GraphProto {
    return create(GraphProtoSchema, {
      name: this.name,
      node: this.nodes,
      initializer: this.initializers,
      input: this.inputs,
      output: this.outputs,
    });
  }

  private constant(
    type: ElementType,
    shape: readonly number[],
    data: Pick<MessageInitShape<typeof TensorProtoSchema>, 'int64Data' | 'int32Data' | 'floatData'>,
  ): string {
    if (this.outermost !== this) return this.outermost.constant(type, shape, data);
    const key = `${type} ${shape.join()} ${Object.values(data).join()}`;
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const name = this.freshName('constant');
    const dims = shape.map((dim) => BigInt(dim));
    this.initializers.push(create(TensorProtoSchema, { name, dataType: DATA_TYPES[type], dims, ...data }));
    this.constants.set(key, name);
    return name;
  }

  private freshName(op: string): string {
    return `${this.name}/${op}_${this.valueCount++}`;
  }
}

/** Serialises the model to ONNX bytes; external tensors are only pointed at. */
export function encodeModel(graph: Graph): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: 'blockpruner',
      opsetImport: [
        { domain: '', version: ONNX_OPSET },
        { domain: MICROSOFT_DOMAIN, version: 1n },
      ],
      graph: graph.toProto(),
    }),
  );
}

/** The value in another type; itself where it has that type. */
export function castNode(graph: Graph, value: string, from: ElementType, to: ElementType): string {
  return from === to ? value : graph.node('Cast', [value], { to: DATA_TYPES[to] });
}

function valueInfo(name: string, type: ElementType, shape?: readonly (number | string)[]): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: DATA_TYPES[type],
          shape: shape && {
            dim: shape.map((dim) => ({
              value:
                typeof dim === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(dim) }
                  : { case: 'dimParam' as const, value: dim },
            })),
          },
        },
      },
    },
  });
}

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, {
      name,
      type: AttributeType.STRING,
      s: new TextEncoder().encode(value),
    });
  }
  if (value instanceof Graph) {
    return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g: value.toProto() });
  }
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, {
    name,
    type: AttributeType.INTS,
    ints: value.map((item) => BigInt(item)),
  });
}
