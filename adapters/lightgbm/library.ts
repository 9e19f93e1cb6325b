// The C API of LightGBM's shared library, bound by koffi: typed calls, and errors with LightGBM's own words.
// Calls are synchronous on purpose: LightGBM keeps its last error per thread, so an asynchronous call would lose the message.
import koffi, { type LibraryHandle } from 'koffi';
import { PerennialError } from '../../core/errors.ts';

/** Address of a native Dataset or Booster. */
export type Handle = bigint;
/** What a koffi `_Out_` argument writes to. */
export type Out<T> = [T];
type Code = number;

export interface Calls {
  lastError(): string;
  setMaxThreads(threads: number): Code;
  parameterAliases(capacity: number, length: Out<number>, text: Buffer | null): Code;
  datasetFromMatrix(
    matrix: Float64Array,
    type: number,
    rows: number,
    columns: number,
    rowMajor: number,
    params: string,
    reference: Handle | null,
    out: Out<Handle>,
  ): Code;
  datasetSetField(dataset: Handle, name: string, data: FieldData, length: number, type: number): Code;
  datasetSetFeatureNames(dataset: Handle, names: readonly string[], count: number): Code;
  datasetFree(dataset: Handle): Code;
  boosterCreate(dataset: Handle, params: string, out: Out<Handle>): Code;
  boosterLoad(text: string, iterations: Out<number>, out: Out<Handle>): Code;
  boosterFree(booster: Handle): Code;
  boosterMerge(booster: Handle, earlier: Handle): Code;
  boosterAddValid(booster: Handle, dataset: Handle): Code;
  boosterUpdate(booster: Handle, finished: Out<number>): Code;
  boosterEvalCount(booster: Handle, count: Out<number>): Code;
  boosterEval(booster: Handle, index: number, count: Out<number>, values: Float64Array): Code;
  boosterSave: TextCall;
  boosterDump: TextCall;
  boosterImportance(booster: Handle, iterations: number, type: number, out: Float64Array): Code;
  boosterTotalModels(booster: Handle, count: Out<number>): Code;
  boosterFeatures(booster: Handle, count: Out<number>): Code;
  boosterPredictLength(
    booster: Handle,
    rows: number,
    type: number,
    start: number,
    count: number,
    length: Out<number>,
  ): Code;
  boosterPredict(
    booster: Handle,
    matrix: Float64Array,
    type: number,
    rows: number,
    columns: number,
    rowMajor: number,
    predictType: number,
    start: number,
    count: number,
    params: string,
    length: Out<number>,
    out: Float64Array,
  ): Code;
}

export type FieldData = Float32Array | Float64Array | Int32Array;
type TextCall = (
  booster: Handle,
  start: number,
  count: number,
  importance: number,
  capacity: number,
  length: Out<number>,
  text: Buffer | null,
) => Code;

const TEXT_ARGUMENTS = 'void* b, int start, int n, int importance, int64_t capacity, _Out_ int64_t* length, void* text';

const bind = (library: LibraryHandle): Calls => ({
  lastError: library.func('const char* LGBM_GetLastError()'),
  setMaxThreads: library.func('int LGBM_SetMaxThreads(int n)'),
  parameterAliases: library.func('int LGBM_DumpParamAliases(int64_t capacity, _Out_ int64_t* length, void* text)'),
  datasetFromMatrix: library.func(
    'int LGBM_DatasetCreateFromMat(const void* data, int type, int32_t rows, int32_t columns, int rowmajor, const char* params, void* reference, _Out_ void** out)',
  ),
  datasetSetField: library.func(
    'int LGBM_DatasetSetField(void* d, const char* name, const void* data, int n, int type)',
  ),
  datasetSetFeatureNames: library.func('int LGBM_DatasetSetFeatureNames(void* d, const char** names, int n)'),
  datasetFree: library.func('int LGBM_DatasetFree(void* d)'),
  boosterCreate: library.func('int LGBM_BoosterCreate(void* d, const char* params, _Out_ void** out)'),
  boosterLoad: library.func(
    'int LGBM_BoosterLoadModelFromString(const char* text, _Out_ int* iterations, _Out_ void** out)',
  ),
  boosterFree: library.func('int LGBM_BoosterFree(void* b)'),
  boosterMerge: library.func('int LGBM_BoosterMerge(void* b, void* other)'),
  boosterAddValid: library.func('int LGBM_BoosterAddValidData(void* b, void* d)'),
  boosterUpdate: library.func('int LGBM_BoosterUpdateOneIter(void* b, _Out_ int* finished)'),
  boosterEvalCount: library.func('int LGBM_BoosterGetEvalCounts(void* b, _Out_ int* n)'),
  boosterEval: library.func('int LGBM_BoosterGetEval(void* b, int index, _Out_ int* n, double* out)'),
  boosterSave: library.func(`int LGBM_BoosterSaveModelToString(${TEXT_ARGUMENTS})`),
  boosterDump: library.func(`int LGBM_BoosterDumpModel(${TEXT_ARGUMENTS})`),
  boosterImportance: library.func('int LGBM_BoosterFeatureImportance(void* b, int n, int type, double* out)'),
  boosterTotalModels: library.func('int LGBM_BoosterNumberOfTotalModel(void* b, _Out_ int* n)'),
  boosterFeatures: library.func('int LGBM_BoosterGetNumFeature(void* b, _Out_ int* n)'),
  boosterPredictLength: library.func(
    'int LGBM_BoosterCalcNumPredict(void* b, int rows, int type, int start, int n, _Out_ int64_t* length)',
  ),
  boosterPredict: library.func(
    'int LGBM_BoosterPredictForMat(void* b, const void* data, int type, int32_t rows, int32_t columns, int rowmajor, int predict, int start, int n, const char* params, _Out_ int64_t* length, double* out)',
  ),
});

/** The open library. */
export interface LightGbm {
  readonly calls: Calls;
  /** Every parameter LightGBM knows, by any of its names, to its canonical name. */
  readonly canonicalNames: ReadonlyMap<string, string>;
}

const opened = new Map<string, LightGbm>();

/** Opens `lib_lightgbm.so` (of the PyPI wheel) at an absolute path, once per process. `MISSING_PART` if it cannot be loaded. */
export const openLightGbm = (libraryPath: string): LightGbm => {
  const known = opened.get(libraryPath);
  if (known !== undefined) return known;
  const calls = load(libraryPath);
  const library = { calls, canonicalNames: canonicalNames(calls) };
  opened.set(libraryPath, library);
  return library;
};

const load = (libraryPath: string): Calls => {
  try {
    return bind(koffi.load(libraryPath));
  } catch (cause) {
    throw new PerennialError('MISSING_PART', 'The LightGBM library cannot be loaded', {
      field: 'libraryPath',
      value: libraryPath,
      mend: 'Run setup again; on a bare Linux also install libgomp1.',
      cause,
    });
  }
};

/** Caps LightGBM's threads in this process. The parameter `num_threads` would do too, but it is printed into the model text. */
export const limitThreads = ({ calls }: LightGbm, threads: number): void =>
  check(calls, calls.setMaxThreads(threads), 'limit its threads');

/** Throws LightGBM's own words when a call returned an error code. */
export const check = (calls: Calls, code: Code, doing: string): void => {
  if (code === 0) return;
  throw new PerennialError('INVALID_INPUT', `LightGBM could not ${doing}: ${calls.lastError()}`);
};

/** Text that LightGBM writes into a caller's buffer: asked once for its length (terminating zero included), then for its bytes. */
export const readText = (
  calls: Calls,
  doing: string,
  call: (capacity: number, length: Out<number>, text: Buffer | null) => Code,
): string => {
  const length: Out<number> = [0];
  check(calls, call(0, length, null), doing);
  const text = Buffer.alloc(length[0]);
  check(calls, call(text.length, length, text), doing);
  return text.toString('utf8', 0, text.length - 1);
};

const canonicalNames = (calls: Calls): ReadonlyMap<string, string> => {
  const text = readText(calls, 'list its parameters', (...to) => calls.parameterAliases(...to));
  const aliases = JSON.parse(text) as Record<string, readonly string[]>;
  const names = Object.entries(aliases);
  return new Map(names.flatMap(([name, others]) => [name, ...others].map((any): [string, string] => [any, name])));
};
