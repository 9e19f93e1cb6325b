// A use case: everything that is true of one business question, in one folder of `models/`.
//
// GLOSSARY. source: files from outside under a contract · table: one select with a promise · entity: whom a feature describes ·
// feature view: features of an entity as of a moment · feature service: a named set of features that a model reads · cut: the moment T that divides what may be known from what is to be foretold ·
// trial: one set of hyperparameters, trained · champion: the version that answers · alias: a movable name for a version ·
// lineage: which inputs a table or model came from · commit key: the hash of all that determines a result.
import { PerennialError } from './errors.ts';
import type { Entity, FeatureService, FeatureView, PushedView } from './feature-view.ts';
import type { Model, Windows } from './model.ts';
import type { Source } from './source.ts';
import type { Table } from './table.ts';

export interface UseCase {
  /** Folder name, and the name people type. */
  readonly name: string;
  readonly title: string;
  readonly sources: readonly Source[];
  /** In any order; the plan orders them by what their SQL reads. */
  readonly tables: readonly Table[];
  /** Whom its features describe. */
  readonly entities?: readonly Entity[];
  readonly featureViews: readonly FeatureView[];
  readonly featureServices?: readonly FeatureService[];
  /** Views that are folded from a stream and pushed online; no run computes them. */
  readonly folds?: readonly PushedView[];
  readonly models: readonly Model[];
  /** Windows by source name: a shop's clicks and a wholesaler's invoices live at different paces. */
  readonly windows: Readonly<Record<string, Windows>>;
  readonly pages: readonly Page[];
}

/** One page: a question, named queries over gold, and charts over their results. One definition, rendered as report and as live page. */
export interface Page {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly queries: Readonly<Record<string, string>>;
  /** Sentences with what was found, from the queries' rows; the first is the headline. */
  readonly findings: (rows: Readonly<Record<string, readonly Row[]>>) => readonly string[];
  readonly charts: readonly Chart[];
}

export type Row = Readonly<Record<string, string | number | boolean | null>>;

export interface Chart {
  readonly title: string;
  /** Name of the query whose rows it draws. */
  readonly query: string;
  /** A Vega-Lite specification without `data`. */
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The use case of that name; `UNKNOWN_NAME` with the known names otherwise. */
export const useCaseNamed = (useCases: readonly UseCase[], name: string): UseCase => {
  const found = useCases.find((useCase) => useCase.name === name);
  if (found) return found;
  const known = useCases.map((useCase) => useCase.name).join(', ');
  throw new PerennialError('UNKNOWN_NAME', 'no such use case', {
    field: 'useCase',
    value: name,
    mend: `Known: ${known}`,
  });
};
