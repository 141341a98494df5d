import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type CounterConfiguration,
  type GaugeConfiguration,
  type HistogramConfiguration,
} from 'prom-client';

const PREFIX = 'blockpruner_';

/** A metric as a table of documentation has it. */
export interface MetricDescription {
  readonly name: string;
  readonly kind: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/**
 * The metrics of one process in Prometheus' text form, all under one prefix; those of Node and of the process, such as its
 * memory and the lag of its event loop, are there from the start. Names are given without the prefix, in base units.
 */
export class MetricsRegistry {
  /** Of `text`. */
  readonly contentType: string;
  private readonly registry = new Registry();
  private readonly own: MetricDescription[] = [];

  constructor() {
    this.contentType = this.registry.contentType;
    collectDefaultMetrics({ register: this.registry, prefix: PREFIX });
  }

  counter<Label extends string>(configuration: CounterConfiguration<Label>): Counter<Label> {
    return new Counter({ ...configuration, ...this.described(configuration, 'counter') });
  }

  gauge<Label extends string>(configuration: GaugeConfiguration<Label>): Gauge<Label> {
    return new Gauge({ ...configuration, ...this.described(configuration, 'gauge') });
  }

  histogram<Label extends string>(configuration: HistogramConfiguration<Label>): Histogram<Label> {
    return new Histogram({ ...configuration, ...this.described(configuration, 'histogram') });
  }

  /** What a scrape gets. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** The metrics made here, without those of Node and of the process. */
  descriptions(): readonly MetricDescription[] {
    return this.own;
  }

  private described(
    {
      name,
      help,
      labelNames = [],
    }: { readonly name: string; readonly help: string; readonly labelNames?: readonly string[] },
    kind: string,
  ): { name: string; registers: Registry[] } {
    const prefixed = `${PREFIX}${name}`;
    this.own.push({ name: prefixed, kind, labels: [...labelNames], help });
    return { name: prefixed, registers: [this.registry] };
  }
}
