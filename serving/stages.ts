// The stages of an answer, as whoever measures or traces it sees them. Routes name them; server.ts decides what watches.

export const stages = ['retrieve', 'features', 'infer', 'explain', 'format'] as const;
export type Stage = (typeof stages)[number];

/** Runs `work` as one stage of an answer by `model`; what it returns or throws goes through untouched. */
export type InStage = <T>(stage: Stage, model: string, work: () => T) => T;

/** Nobody watches. */
export const unwatched: InStage = (_stage, _model, work) => work();

/** Calls `done` once `work` has ended, however it ended, and passes on what it gave. */
export const afterwards = <T>(work: () => T, done: (error?: unknown) => void): T => {
  let given: T;
  try {
    given = work();
  } catch (error) {
    done(error);
    throw error;
  }
  if (!(given instanceof Promise)) {
    done();
    return given;
  }
  given.then(() => done(), done);
  return given;
};
