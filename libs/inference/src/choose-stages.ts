import {
  CPU_SHAPE_PLAN,
  GPU_SHAPE_PLAN,
  planStages,
  shrinkPlan,
  workerMemory,
  type ModelShape,
  type ShapePlan,
  type WeightFormat,
} from '@blockpruner/blocks';

/** What stages are chosen for. */
export interface StagesRequest {
  readonly device: string;
  readonly shape: ModelShape;
  readonly format: WeightFormat;
  readonly longestRowTokens: number;
  readonly memoryLimitBytes: number;
  /** The plan of the numeric class; null while none is chosen. */
  readonly shapePlan: ShapePlan | null;
  /** Rows a micro-batch where the user has fixed them. */
  readonly microBatchRows: number | null;
}

/**
 * The fewest stages that fit into memory. Where the plan is still to be chosen, a smaller one comes before a second
 * stage: each pass over the rows loads every stage once.
 * @throws RangeError when not even a layer a stage fits
 */
export function chooseStages(request: StagesRequest): number {
  const { device, shape, format, longestRowTokens, memoryLimitBytes, shapePlan } = request;
  const fits = (plan: ShapePlan, stages: number): boolean =>
    workerMemory(shape, plan, longestRowTokens, format, stages).totalBytes <= memoryLimitBytes;
  const usual = device === 'cpu' ? CPU_SHAPE_PLAN : GPU_SHAPE_PLAN;
  const microBatchRows = request.microBatchRows ?? usual.microBatchRows;
  const plans = shapePlan ? [shapePlan] : fromLargest({ ...usual, microBatchRows });
  if (plans.some((plan) => fits(plan, 1))) return 1;
  const plan = plans.find((each) => fits(each, shape.layerCount)) ?? plans[plans.length - 1];
  return planStages(shape, plan, longestRowTokens, memoryLimitBytes, format);
}

function fromLargest(largest: ShapePlan): ShapePlan[] {
  const plans: ShapePlan[] = [];
  for (let plan: ShapePlan | null = largest; plan !== null; plan = shrinkPlan(plan)) plans.push(plan);
  return plans;
}
