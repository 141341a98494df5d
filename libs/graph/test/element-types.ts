import {
  TensorProto_DataType as DataType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../src/gen/onnx_pb.js';

export type ElementType = keyof typeof DataType;

/** One node with the element type of each of its inputs and outputs; of an absent input, undefined. */
export interface TypedNode {
  readonly node: NodeProto;
  /** Name of the graph that the node is in, and how many graphs are around that one. */
  readonly graph: string;
  readonly depth: number;
  readonly inputs: readonly (ElementType | undefined)[];
  readonly outputs: readonly ElementType[];
}

/** A graph whose every value has one type that all its readers accept. */
export interface TypedGraph {
  readonly nodes: readonly TypedNode[];
  readonly types: ReadonlyMap<string, ElementType>;
  /** Initializers of the outermost graph; no other graph has any. */
  readonly initializers: ReadonlyMap<string, TensorProto>;
}

/**
 * Inputs and outputs of the operators that graphs are made of, by the ONNX operator documents (opset 21)
 * and onnxruntime's of `com.microsoft`. F is one floating-point type, T any one type, `*` any number of inputs,
 * `-` an input left out, `?` one that may be.
 */
const SIGNATURES: Record<string, string> = {
  Add: 'T T > T',
  Sub: 'T T > T',
  Mul: 'T T > T',
  Div: 'T T > T',
  Neg: 'F > F',
  Sigmoid: 'F > F',
  Cos: 'F > F',
  Sin: 'F > F',
  ReduceSum: 'T INT64 > T',
  Identity: 'T > T',
  Concat: 'T* > T',
  Gemm: 'F F F? > F',
  SimplifiedLayerNormalization: 'F F > F',
  LogSoftmax: 'F > F',
  Reshape: 'T INT64 > T',
  Expand: 'T INT64 > T',
  Tile: 'T INT64 > T',
  Slice: 'T INT64 INT64 INT64? > T',
  Pad: 'T INT64 T? > T',
  Squeeze: 'T INT64? > T',
  Unsqueeze: 'T INT64 > T',
  Gather: 'T INT64 > T',
  GatherElements: 'T INT64 > T',
  Range: 'INT64 INT64 INT64 > INT64',
  GreaterOrEqual: 'INT64 INT64 > BOOL',
  Where: 'BOOL T T > T',
  RotaryEmbedding: 'F INT64 F F > F',
  GroupQueryAttention: 'F F F F? F? INT32 INT32 F F > F F F',
  MultiHeadAttention: 'F F F -? -? F? > F',
};

/**
 * Gives every value of a graph and of the graphs in it its element type.
 * @throws Error at the first node with an operator that is not in the table, a value that is not defined before it,
 *   a name that is taken, or types that the operator does not take
 */
export function inferElementTypes(graph: GraphProto): TypedGraph {
  const nodes: TypedNode[] = [];
  const types = new Map<string, ElementType>();
  const define = (name: string, type: ElementType): void => {
    if (types.has(name)) throw new Error(`two values are named ${name}`);
    types.set(name, type);
  };

  const walk = (current: GraphProto, depth: number): ElementType[] => {
    if (depth > 0 && current.initializer.length > 0) throw new Error(`${current.name} has initializers`);
    for (const input of current.input) define(input.name, declaredType(input.type));
    for (const tensor of current.initializer) define(tensor.name, DataType[tensor.dataType] as ElementType);
    for (const node of current.node) {
      const inputs = node.input.map((name) => (name === '' ? undefined : known(types, name, node)));
      const bodies = node.attribute.flatMap((attribute) => attribute.g ?? []);
      const outputs = outputTypes(
        node,
        inputs,
        bodies.map((body) => walk(body, depth + 1)),
      );
      node.output.forEach((name, i) => define(name, outputs[i]));
      nodes.push({ node, graph: current.name, depth, inputs, outputs });
    }
    return current.output.map(({ name, type }) => {
      const actual = types.get(name);
      if (actual !== declaredType(type)) throw new Error(`output ${name} is ${actual}, not as declared`);
      return actual;
    });
  };
  walk(graph, 0);
  return {
    nodes,
    types,
    initializers: new Map(graph.initializer.map((tensor) => [tensor.name, tensor])),
  };
}

function outputTypes(
  node: NodeProto,
  inputs: readonly (ElementType | undefined)[],
  bodies: readonly ElementType[][],
): ElementType[] {
  switch (node.opType) {
    case 'Cast':
      return [DataType[Number(node.attribute[0].i)] as ElementType];
    case 'Shape':
      return ['INT64'];
    case 'If':
      if (inputs[0] !== 'BOOL' || String(bodies[0]) !== String(bodies[1])) throw mismatch(node, inputs);
      return bodies[0];
    case 'Loop': {
      // The body gives the condition, then what is collected: no value is carried from one turn to the next.
      if (inputs[0] !== 'INT64' || inputs[1] !== undefined || bodies[0][0] !== 'BOOL') {
        throw mismatch(node, inputs);
      }
      return bodies[0].slice(1);
    }
    default:
      return bySignature(node, inputs);
  }
}

function bySignature(node: NodeProto, inputs: readonly (ElementType | undefined)[]): ElementType[] {
  const signature = SIGNATURES[node.opType];
  if (signature === undefined) throw new Error(`operator ${node.opType} is not in the table`);
  const [takes, gives] = signature.split(' > ').map((side) => side.split(' '));
  const variables = new Map<string, ElementType>();
  const expected = takes[0].endsWith('*') ? inputs.map(() => takes[0].slice(0, -1)) : takes;
  expected.forEach((entry, i) => {
    const wanted = entry.replace('?', '');
    const actual = inputs[i];
    if (wanted === '-' || (entry.endsWith('?') && actual === undefined)) {
      if (actual !== undefined) throw mismatch(node, inputs);
      return;
    }
    const bound = wanted === 'T' || wanted === 'F' ? (variables.get(wanted) ?? actual) : wanted;
    if (actual === undefined || actual !== bound) throw mismatch(node, inputs);
    if (wanted === 'F' && !['FLOAT', 'FLOAT16', 'BFLOAT16'].includes(actual)) throw mismatch(node, inputs);
    variables.set(wanted, actual);
  });
  if (inputs.length > expected.length) throw mismatch(node, inputs);
  return gives.map((name) => variables.get(name) ?? (name as ElementType));
}

function known(types: ReadonlyMap<string, ElementType>, name: string, node: NodeProto): ElementType {
  const type = types.get(name);
  if (type === undefined) throw new Error(`${node.name} reads ${name}, which nothing before it defines`);
  return type;
}

function mismatch(node: NodeProto, inputs: readonly (ElementType | undefined)[]): Error {
  return new Error(`${node.name} does not take (${inputs.map((type) => type ?? '-').join(', ')})`);
}

function declaredType(type: GraphProto['input'][number]['type']): ElementType {
  const { value } = type ?? {};
  if (value?.case !== 'tensorType') throw new Error('a value of the graph is no tensor');
  return DataType[value.value.elemType] as ElementType;
}
