// Making a registered version again: which stages are compared, what was found at each, and which is the first that differs.

/** In the order in which a version comes about; each stage is made from what the ones before it left. */
export const reproductionStages = [
  'code',
  'plan',
  'bronze',
  'features',
  'split',
  'matrix',
  'model',
  'onnx',
  'package',
] as const;
export type ReproductionStage = (typeof reproductionStages)[number];

export interface StageCheck {
  readonly stage: ReproductionStage;
  /** `noted`: it differs and decides nothing, as another version of the program that makes the same bytes. */
  readonly state: 'equal' | 'differs' | 'noted' | 'not reached';
  /** Hash or digest as the version records it, and as it came out now. */
  readonly recorded: string;
  readonly found: string;
  readonly note: string;
}

/** What is to be made again. */
export interface ReproduceInput {
  /** `<use case>/<model>`. */
  readonly model: string;
  readonly version: number;
  /** Folder of the planted truth, where the version was judged beside one; without it those figures are taken as recorded. */
  readonly truth?: string;
  readonly lostAfterSeconds?: number;
}

export interface Reproduction {
  readonly model: string;
  readonly version: number;
  readonly package: string;
  readonly equal: boolean;
  readonly firstDifference: ReproductionStage | null;
  readonly stages: readonly StageCheck[];
}

/** Equal hashes, or what differs. */
export const check = (stage: ReproductionStage, recorded: string, found: string, note = ''): StageCheck => ({
  stage,
  state: recorded === found ? 'equal' : 'differs',
  recorded,
  found,
  note,
});

/** A stage whose recorded input cannot be had any more. */
export const lost = (stage: ReproductionStage, recorded: string, note: string): StageCheck => ({
  stage,
  state: 'differs',
  recorded,
  found: '',
  note,
});

export const hasDifference = (checks: readonly StageCheck[]): boolean =>
  checks.some(({ state }) => state === 'differs');

/** All stages in order; those nobody came to are not reached. */
export const reproductionOf = (
  of: Pick<Reproduction, 'model' | 'version' | 'package'>,
  checks: readonly StageCheck[],
  why = '',
): Reproduction => {
  const stages = reproductionStages.map(
    (stage): StageCheck =>
      checks.find((one) => one.stage === stage) ?? { stage, state: 'not reached', recorded: '', found: '', note: why },
  );
  const first = stages.find(({ state }) => state === 'differs')?.stage ?? null;
  return {
    ...of,
    equal: stages.every(({ state }) => state === 'equal' || state === 'noted'),
    firstDifference: first,
    stages,
  };
};
