// `perennial why`: from a prediction back to the features, the lines of the files behind them, the model, and who let it answer.
import { type Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { PerennialError } from '../../core/errors.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { type Reader, readerOption } from '../lake.ts';
import { count, json, table } from '../output.ts';
import { type Story, storyOf } from '../why/story.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const register = (program: Command): void => {
  program
    .command('why')
    .description('why an answer was what it was: features, source lines, model version, approver')
    .argument('<prediction>', 'the prediction_id of an answer of /predict')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .addOption(readerOption())
    .option('--lines <n>', 'lines of the files to show, the newest first', wholeNumber, 5)
    .option('--json', 'print the story as JSON')
    .action(async (id: string, options: { env: string; as: Reader; lines: number; json?: boolean }) => {
      if (!UUID.test(id)) {
        const mend = 'Give the prediction_id that /predict answered';
        throw new PerennialError('INVALID_INPUT', 'This is no prediction', { field: 'prediction', value: id, mend });
      }
      const story = await storyOf(loadEnvironment(options.env), { id, reader: options.as, lines: options.lines });
      options.json ? json(story) : print(story);
    });
};

const wholeNumber = (text: string): number => {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number up to 9999.');
};

const print = (story: Story): void => {
  const { prediction: p, environment, recordedIn } = story;
  const head = `${pc.bold(p.probability.toFixed(4))} for ${p.entity} by ${p.useCase}/${p.model}@${p.version}`;
  const by = p.job === null ? '' : ` · asked for by scoring job ${p.job}`;
  console.log(`${head} ${pc.dim(`${p.servedAt} · ${environment} · recorded in ${recordedIn}${by}`)}`);
  printFeatures(story);
  printLines(story);
  printModel(story);
};

const printFeatures = ({ prediction: p, features }: Story): void => {
  console.log(`\n${pc.bold('Features')}`);
  if (p.coldStart) console.log('An unknown customer: taken for what is typical, as the model’s signature says.');
  else
    console.log(`as of ${p.featureTime} · known at ${p.knownAt}${p.stale ? ' · from memory, Postgres was away' : ''}`);
  console.log(table(Object.entries(p.features).map(([feature, value]) => ({ feature, value }))));
  if (features) {
    const { snapshot, by, key } = features;
    console.log(
      `${features.table} at snapshot ${snapshot} says the same ${pc.dim(`${key.slice(0, 12)} · by ${by ?? '?'}`)}`,
    );
  } else if (!p.coldStart) console.log(pc.yellow('No snapshot of the lake that can still be read holds this row.'));
};

const printLines = ({ lines }: Story): void => {
  if (!lines) return;
  const shown = lines.newest.length < lines.lines ? `, the newest ${lines.newest.length}` : '';
  console.log(
    `\n${pc.bold('Source')} ${lines.table} at snapshot ${lines.snapshot}: ${count(lines.lines)} lines${shown}`,
  );
  for (const { file, line, eventTime, what } of lines.newest)
    console.log(`${file}:${line} ${pc.dim(`${eventTime} ${JSON.stringify(what)}`)}`);
};

const printModel = ({ model, approval }: Story): void => {
  console.log(`\n${pc.bold('Model')}`);
  if (!model) {
    console.log(pc.yellow('The registry does not hold this version.'));
    return;
  }
  const { signature, trainedFrom, run } = model;
  console.log(
    `${model.model}@${model.version} ${pc.dim(`${model.packageSha256.slice(0, 12)} · registered ${model.registeredAt}`)}`,
  );
  console.log(`made by run ${run} from ${trainedFrom.map((pin) => `${pin.table}@${pin.snapshot}`).join(', ')}`);
  console.log(
    signature.verified
      ? `signed by key ${signature.key}`
      : pc.red('its signature does not hold: see `perennial verify`'),
  );
  const { champion, approver, promotion } = approval ?? {};
  if (champion) console.log(`champion since ${champion.at} by ${champion.by}: ${champion.why}`);
  if (promotion)
    console.log(`promoted from ${promotion.from}, asked for by ${promotion.requestedBy} ${pc.dim(promotion.id)}`);
  for (const { verdict, by, why } of promotion?.decisions ?? [])
    console.log(`${verdict} by ${by}${why === '' ? '' : `: ${why}`}`);
  console.log(approver ? `approved by ${approver.by}: ${approver.why}` : 'no approval was asked for here');
};
