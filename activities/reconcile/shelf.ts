// The model around its versions: its description, its aliases, and what people put beside what was registered.
import type { MlflowClient } from '../../adapters/mlflow/client.ts';
import { KEY_TAG } from '../../adapters/mlflow/experiments.ts';
import { deleteAlias, deleteVersionTag, restoreExperiment } from '../../adapters/mlflow/mending.ts';
import { cutDescription, setAlias, updateModelDescription } from '../../adapters/mlflow/models.ts';
import { aliasSubject } from '../../adapters/postgres/mlflow-ledger.ts';
import type { FindingKind } from '../../core/reconcile.ts';
import { findingOf, type Repair, seen } from './compare.ts';
import type { ModelPair } from './truth.ts';

/** To be undone before any version is shown again. */
export const shelfRepairs = (pair: ModelPair): readonly Repair[] => [
  ...experimentRepairs(pair),
  ...modelRepairs(pair),
  ...strangerRepairs(pair),
];

const experimentRepairs = ({ name, trashed }: ModelPair): Repair[] => {
  if (trashed === undefined) return [];
  const said = { found: 'in the trash', truth: trashed, deed: 'set back' } as const;
  const undo = (mlflow: MlflowClient) => restoreExperiment(mlflow, trashed);
  return [{ finding: findingOf(name, 'experiment', 'hand-made', said), undo }];
};

const modelRepairs = ({ name, shown, versions, known }: ModelPair): Repair[] => {
  const [first] = versions;
  if (first === undefined || 'broken' in first.loaded) return [];
  const truth = cutDescription(first.loaded.signature.output.meaning);
  if (shown === undefined) {
    const said = { found: null, truth: name, deed: 'made again' } as const;
    return [{ finding: findingOf(name, 'registered model', known ? 'hand-made' : 'lost', said) }];
  }
  if (shown.description === truth) return [];
  const said = { found: shown.description, truth, deed: 'set back', changedAt: shown.changedAt } as const;
  const undo = (mlflow: MlflowClient) => updateModelDescription(mlflow, name, truth);
  return [{ finding: findingOf(name, 'description', 'hand-made', said), undo }];
};

/** They stay, but may not carry the key of a registered version, by which that one would be taken for found. */
const strangerRepairs = ({ name, strangers, versions }: ModelPair): Repair[] => {
  const keys = new Set(versions.map(({ version }) => version.key));
  return strangers.map((stranger) => {
    const { version, source, tags } = stranger;
    const found = `made from ${source || 'nowhere'}`;
    const said = { found, truth: null, deed: 'left', ...seen(stranger) } as const;
    const finding = findingOf(name, `MLflow version ${version}`, 'hand-made', said);
    if (!keys.has(tags.get(KEY_TAG) ?? '')) return { finding };
    return { finding, undo: (mlflow: MlflowClient) => deleteVersionTag(mlflow, name, version, KEY_TAG) };
  });
};

/** Aliases last: by then every version has its number, in `numbers` by ours; null where it is still to be made. */
export const aliasRepairs = (pair: ModelPair, numbers: ReadonlyMap<number, string | null>): readonly Repair[] => {
  const { name, shown, aliases } = pair;
  const ours = new Map([...numbers].map(([version, number]) => [number, version]));
  const say = (number: string | undefined): string | null =>
    number === undefined ? null : ours.has(number) ? `version ${ours.get(number)}` : `MLflow version ${number}`;
  const wrong = [...aliases].flatMap(([alias, version]): Repair[] => {
    const number = numbers.get(version);
    const found = shown?.aliases.get(alias);
    if (number === undefined || (number !== null && found === number)) return [];
    const kind = aliasKind(pair, alias, found);
    const deed = found === undefined ? 'made again' : 'set back';
    const said = { found: say(found), truth: `version ${version}`, deed } as const;
    const undo = async (mlflow: MlflowClient) => {
      if (number !== null) await setAlias(mlflow, name, alias, number);
    };
    return [{ finding: findingOf(name, aliasSubject(alias), kind, said), undo }];
  });
  const added = [...(shown?.aliases ?? [])].filter(([alias]) => !aliases.has(alias));
  return [...wrong, ...added.map(([alias, number]) => addedAlias(name, alias, say(number)))];
};

/** Three witnesses: what stands there, what was last put there, and the registry. */
const aliasKind = ({ ledger, known }: ModelPair, alias: string, found: string | undefined): FindingKind => {
  const last = ledger.get(aliasSubject(alias));
  if (found === undefined) return known && last !== undefined ? 'hand-made' : 'lost';
  return found === last ? 'lost' : 'hand-made';
};

/** Where nobody is champion, nobody may be called so; other names are people's own affair. */
const addedAlias = (name: string, alias: string, found: string | null): Repair => {
  const contradicts = alias === 'champion';
  const said = { found, truth: null, deed: contradicts ? 'set back' : 'left' } as const;
  const finding = findingOf(name, aliasSubject(alias), 'hand-made', said);
  return contradicts ? { finding, undo: (mlflow) => deleteAlias(mlflow, name, alias) } : { finding };
};
