// Namespaces and search attributes as the product needs them, made where they are missing. For the stack and deployments.
import { Connection, isGrpcServiceError, type WorkflowService } from '@temporalio/client';
import { msToTs } from '@temporalio/common';
import { PerennialError } from '../../core/errors.ts';

// The protocol's numbers (temporal.api.enums.v1.IndexedValueType).
const indexedValueTypes = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

export type SearchAttributeKind = keyof typeof indexedValueTypes;

/** What every workflow of the product can be searched by in the Temporal UI. */
export const perennialSearchAttributes = {
  PerennialUseCase: 'Keyword',
  PerennialStage: 'Keyword',
  PerennialModel: 'Keyword',
  PerennialOutcome: 'Keyword',
  PerennialTrigger: 'Keyword',
  PerennialAsOf: 'Datetime',
  PerennialRows: 'Int',
  PerennialMetric: 'Double',
  PerennialNeedsAction: 'Bool',
} as const satisfies Record<string, SearchAttributeKind>;

// gRPC status codes.
const notFound = 5;
const alreadyExists = 6;
const dayMs = 86_400_000;

/** Makes the namespaces that are missing; those that exist keep their retention. Returns the names that were made. */
export const ensureNamespaces = (address: string, names: readonly string[], retentionDays: number): Promise<string[]> =>
  withConnection(address, async ({ workflowService }) => {
    const made: string[] = [];
    for (const namespace of names) {
      if (await exists(workflowService, namespace)) continue;
      await workflowService
        .registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(retentionDays * dayMs) })
        .then(() => made.push(namespace))
        .catch(unless(alreadyExists));
    }
    return made;
  });

/**
 * Makes the search attributes that are missing in a namespace; returns their names.
 * @throws PerennialError CONTRACT_BROKEN where one of that name exists with another type.
 */
export const ensureSearchAttributes = (
  address: string,
  namespace: string,
  wanted: Readonly<Record<string, SearchAttributeKind>> = perennialSearchAttributes,
): Promise<string[]> =>
  withConnection(address, async ({ operatorService }) => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const missing: Record<string, number> = {};
    for (const [name, kind] of Object.entries(wanted)) {
      const found = customAttributes?.[name];
      if (found === undefined) missing[name] = indexedValueTypes[kind];
      else if (found !== indexedValueTypes[kind]) throw otherKind(namespace, name, kind);
    }
    if (Object.keys(missing).length > 0) {
      await operatorService.addSearchAttributes({ namespace, searchAttributes: missing }).catch(unless(alreadyExists));
    }
    return Object.keys(missing);
  });

const withConnection = async <T>(address: string, work: (connection: Connection) => Promise<T>): Promise<T> => {
  const connection = await Connection.connect({ address, connectTimeout: 5_000 });
  try {
    return await connection.withDeadline(Date.now() + 30_000, () => work(connection));
  } finally {
    await connection.close();
  }
};

const exists = (service: WorkflowService, namespace: string): Promise<boolean> =>
  service
    .describeNamespace({ namespace })
    .then(() => true)
    .catch(unless(notFound))
    .then((found) => found ?? false);

const unless =
  (code: number) =>
  (error: unknown): undefined => {
    if (!(isGrpcServiceError(error) && error.code === code)) throw error;
    return undefined;
  };

const otherKind = (namespace: string, name: string, kind: SearchAttributeKind): PerennialError =>
  new PerennialError('CONTRACT_BROKEN', `The search attribute is not of type ${kind} in namespace ${namespace}`, {
    field: name,
    mend: `Remove it there (\`temporal operator search-attribute remove --namespace ${namespace} --name ${name}\`) and run again.`,
  });
