// Do probabilities keep their word? Bins of equally many rows, and the expected calibration error over them (Naeini et al. 2015).
import { at, type Counts, type Metric, type Ranked, totals } from './ranking.ts';

export interface CalibrationBin {
  /** Mean probability foretold in the bin. */
  readonly predicted: number;
  /** Share of positives that came. */
  readonly observed: number;
  readonly rows: number;
}

/** Up to `bins` bins by quantile of the probability, highest first; equal probabilities stay in one bin, so bins may be fewer. */
export const calibrationBins = (ranked: Ranked, bins = 10, counts?: Counts): readonly CalibrationBin[] => {
  const { labels, scores } = ranked;
  const width = totals(ranked, counts).rows / bins;
  const found: CalibrationBin[] = [];
  let start = 0;
  let before = 0;
  let edge = width;
  for (let i = 0; i < labels.length; i += 1) {
    if (before >= edge && scores[i] !== scores[i - 1]) {
      found.push(binOf(ranked, counts, start, i));
      start = i;
      edge = width * (Math.floor(before / width) + 1);
    }
    before += counts === undefined ? 1 : at(counts, i);
  }
  return [...found, binOf(ranked, counts, start, labels.length)].filter(({ rows }) => rows > 0);
};

const binOf = ({ labels, scores }: Ranked, counts: Counts | undefined, from: number, to: number): CalibrationBin => {
  let rows = 0;
  let sum = 0;
  let positives = 0;
  for (let i = from; i < to; i += 1) {
    const count = counts === undefined ? 1 : at(counts, i);
    rows += count;
    sum += count * at(scores, i);
    positives += count * at(labels, i);
  }
  return { predicted: sum / rows, observed: positives / rows, rows };
};

/** Mean |foretold − observed| over quantile bins, weighted by rows; in [0, 1]. */
export const expectedCalibrationError = (bins = 10): Metric => {
  return (ranked, counts) => {
    const found = calibrationBins(ranked, bins, counts);
    const rows = found.reduce((sum, bin) => sum + bin.rows, 0);
    return found.reduce((sum, bin) => sum + bin.rows * Math.abs(bin.predicted - bin.observed), 0) / rows;
  };
};
