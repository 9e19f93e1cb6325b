// Durations counted into buckets, for metrics.ts: a request is counted five times on its way, and prom-client's histogram, which builds and
// checks its labels at every count, would cost as much as the prediction. Told in the text format of Prometheus.

export interface Series {
  observe(seconds: number): void;
}

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[];
  /** Of every series. */
  readonly labels: Labels;
}

type Labels = Readonly<Record<string, string>>;

interface Counted {
  readonly labels: Labels;
  /** One a bucket, and one for what is above all of them; not cumulative. */
  readonly counts: Float64Array;
  sum: number;
}

export class Histogram {
  private readonly options: HistogramOptions;
  private readonly all: Counted[] = [];

  constructor(options: HistogramOptions) {
    this.options = options;
  }

  /** A new series; whoever counts holds on to it. */
  series(labels: Labels): Series {
    const { buckets } = this.options;
    const counted: Counted = { labels, counts: new Float64Array(buckets.length + 1), sum: 0 };
    this.all.push(counted);
    return {
      observe: (seconds) => {
        let at = 0;
        while (at < buckets.length && seconds > (buckets[at] as number)) at += 1;
        counted.counts[at] = (counted.counts[at] as number) + 1;
        counted.sum += seconds;
      },
    };
  }

  text(): string {
    const { name, help } = this.options;
    return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...this.all.flatMap((one) => this.lines(one))].join(
      '\n',
    );
  }

  private lines({ labels, counts, sum }: Counted): string[] {
    const { name, buckets, labels: shared } = this.options;
    const given = { ...labels, ...shared };
    let total = 0;
    const bounds = Array.from(counts, (count, at) => {
      total += count;
      return `${name}_bucket{${written({ le: String(buckets[at] ?? '+Inf'), ...given })}} ${total}`;
    });
    return [...bounds, `${name}_sum{${written(given)}} ${sum}`, `${name}_count{${written(given)}} ${total}`];
  }
}

const written = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`)
    .join();
