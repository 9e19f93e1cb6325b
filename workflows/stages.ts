// How a run calls its stages.
import * as wf from '@temporalio/workflow';

/** A stage as a child: its own page and history, an id that says whose it is. */
export const child = <I, R>(workflow: (input: I) => Promise<R>, stage: string, input: I): Promise<R> =>
  wf.executeChild(workflow as (given: I) => Promise<R>, {
    workflowId: `${wf.workflowInfo().workflowId}/${stage}`,
    args: [input],
    parentClosePolicy: 'REQUEST_CANCEL',
  });

/** One after the other: each fills the cores by itself. */
export const inTurn = async <T>(names: readonly string[], work: (name: string) => Promise<T>): Promise<T[]> => {
  const results: T[] = [];
  for (const name of names) results.push(await work(name));
  return results;
};

/** Only the fields that have a value: an absent field is not an undefined one. */
export const given = <T extends Record<string, string | undefined>>(fields: T): { [K in keyof T]?: string } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: string };
