// Reads the training files into typed arrays and fingerprints the run, for the training child.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { DatasetInput } from '../../adapters/lightgbm/dataset.ts';
import { type Params, paramText } from '../../adapters/lightgbm/params.ts';
import { PerennialError } from '../../core/errors.ts';
import type { TrainRequest } from './protocol.ts';

const BLOCK_BYTES = 64 * 1024 * 1024;

export interface TrainInputs {
  readonly data: DatasetInput;
  /** sha256 of all that determines the model: data, parameters, rounds, segments, and the library's own bytes; not the thread count. */
  readonly fingerprint: string;
}

export const readInputs = (request: TrainRequest, params: Params): TrainInputs => {
  const hash = createHash('sha256');
  const { rows, columns, featureNames, rounds, segmentRounds } = request;
  const sorted = paramText(new Map([...params].sort(([a], [b]) => (a < b ? -1 : 1))));
  hash.update(JSON.stringify({ sorted, rows, columns, featureNames, rounds, segmentRounds }));
  readBytes(request.libraryPath, hash);
  const values = new Float64Array(readBytes(request.matrixPath, hash, rows * columns * 8).buffer);
  const labels = new Float32Array(readBytes(request.labelsPath, hash, rows * 4).buffer);
  const { weightsPath } = request;
  const weights =
    weightsPath === undefined ? {} : { weights: new Float32Array(readBytes(weightsPath, hash, rows * 4).buffer) };
  const data = { matrix: { values, rows, columns }, featureNames, labels, ...weights };
  return { data, fingerprint: hash.digest('hex') };
};

/** The whole file, block by block since one read call stops at 2 GiB, each block hashed while it is warm. */
const readBytes = (path: string, hash: Hash, expectedBytes?: number): Uint8Array => {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (expectedBytes !== undefined && size !== expectedBytes) {
      throw new PerennialError('INVALID_INPUT', `Expected ${expectedBytes} bytes in ${path}`, {
        field: 'bytes',
        value: size,
      });
    }
    const bytes = new Uint8Array(size);
    for (let offset = 0; offset < size; ) {
      const read = readSync(file, bytes, offset, Math.min(BLOCK_BYTES, size - offset), offset);
      if (read === 0) throw new PerennialError('UNAVAILABLE', `${path} shrank while it was read`);
      hash.update(bytes.subarray(offset, offset + read));
      offset += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
};
