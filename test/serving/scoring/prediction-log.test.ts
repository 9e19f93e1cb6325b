// The log of answers in memory: written in batches behind the requests' back, tried again under the same name, dropped and counted when full.
import { describe, expect, it } from 'vitest';
import { PerennialError } from '../../../core/errors.ts';
import { type PredictionBatch, PredictionLog } from '../../../serving/scoring/prediction-log.ts';
import { loggedPrediction } from '../../support/predictions.ts';
import { quiet } from '../fakes.ts';

/** A sink that keeps each batch once, by its name, and may be away or lose its answer. */
const logOf = (more: { room?: number; batchRows?: number } = {}) => {
  const sink = {
    mood: 'well' as 'well' | 'away' | 'mute' | 'adamant',
    tries: 0,
    batches: new Map<string, PredictionBatch>(),
    write: async (batch: PredictionBatch) => {
      sink.tries += 1;
      if (sink.mood === 'away') throw new Error('away');
      if (sink.mood === 'adamant') throw new PerennialError('INVALID_INPUT', 'never');
      sink.batches.set(batch.id, batch);
      if (sink.mood === 'mute') throw new Error('the answer was lost');
    },
  };
  const log = new PredictionLog({ sink, log: quiet, ...more });
  const written = () => [...sink.batches.values()].flatMap(({ rows }) => rows.map(({ id }) => id));
  const add = (from: number, to: number) => {
    for (let i = from; i < to; i += 1) log.add(loggedPrediction(String(i)));
  };
  return { log, sink, written, add };
};

describe('the prediction log', () => {
  it('writes everything once, in order, in batches', async () => {
    const { log, sink, written, add } = logOf({ batchRows: 10 });
    add(0, 25);
    expect(log.counts()).toEqual({ waiting: 25, written: 0, dropped: 0 });
    await log.flush();
    add(25, 30);
    await log.stop();
    expect(written()).toEqual(Array.from({ length: 30 }, (_, i) => String(i)));
    expect(sink.batches.size).toBe(4);
    expect(log.counts()).toEqual({ waiting: 0, written: 30, dropped: 0 });
  });

  it('sends a batch again under the same name when its answer was lost', async () => {
    const { log, sink, written, add } = logOf();
    add(0, 5);
    sink.mood = 'mute';
    await log.flush();
    expect(log.counts()).toMatchObject({ waiting: 5, written: 0 });
    add(5, 8);
    sink.mood = 'well';
    await log.flush();
    expect(sink.tries).toBe(3);
    expect(written()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });

  it('drops what has no room, counts it, and takes up again when the sink does', async () => {
    const { log, sink, written, add } = logOf({ room: 10, batchRows: 4 });
    sink.mood = 'away';
    add(0, 15);
    await log.flush();
    expect(log.counts()).toEqual({ waiting: 10, written: 0, dropped: 5 });
    sink.mood = 'well';
    await log.flush();
    add(15, 16);
    await log.flush();
    expect(written()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '15']);
  });

  it('loses a batch that can never be written, and nothing behind it', async () => {
    const { log, sink, written, add } = logOf();
    add(0, 3);
    sink.mood = 'adamant';
    await log.flush();
    expect(log.counts()).toEqual({ waiting: 0, written: 0, dropped: 3 });
    sink.mood = 'well';
    add(3, 5);
    await log.flush();
    expect(written()).toEqual(['3', '4']);
  });

  it('has one writer, however often it is asked', async () => {
    const { log, sink, add } = logOf();
    add(0, 5);
    await Promise.all([log.flush(), log.flush(), log.flush()]);
    expect(sink.tries).toBe(1);
  });
});
