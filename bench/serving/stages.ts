// Where the time of an answer goes: the server's own histograms by stage and its use of the processor, as they grew between two scrapes.

const stages = ['retrieve', 'features', 'infer', 'format'] as const;
type Stage = (typeof stages)[number];

/** Cumulative counts by upper bound in seconds, ascending. */
type Buckets = readonly (readonly [bound: number, count: number])[];
export interface Scrape {
  readonly stages: Readonly<Record<Stage, Buckets>>;
  readonly cpuSeconds: number;
}

export interface StageTimes {
  readonly stage: Stage;
  /** Milliseconds: upper bound of the bucket that the quantile falls into. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export const scrape = async (url: string, headers: Readonly<Record<string, string>>): Promise<Scrape> => {
  const text = await (await fetch(`${url}/metrics`, { headers })).text();
  const lines = text.split('\n').filter((line) => line.startsWith('perennial_stage_seconds_bucket'));
  return {
    stages: Object.fromEntries(stages.map((stage) => [stage, bucketsOf(lines, stage)])) as Scrape['stages'],
    cpuSeconds: Number(/^process_cpu_seconds_total\S* (\S+)/m.exec(text)?.[1]),
  };
};

const bucketsOf = (lines: readonly string[], stage: Stage): Buckets =>
  lines
    .filter((line) => line.includes(`stage="${stage}"`))
    .map((line) => {
      const bound = /le="([^"]+)"/.exec(line)?.[1] ?? '';
      return [bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(line.split(' ').at(-1))] as const;
    });

export const between = (before: Scrape, after: Scrape): readonly StageTimes[] =>
  stages.map((stage) => {
    const earlier = before.stages[stage];
    const grown = after.stages[stage].map(([bound, count], at) => [bound, count - (earlier[at]?.[1] ?? 0)] as const);
    const all = grown.at(-1)?.[1] ?? 0;
    const at = (share: number) => (grown.find(([, count]) => count >= share * all)?.[0] ?? Number.NaN) * 1_000;
    return { stage, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  });
