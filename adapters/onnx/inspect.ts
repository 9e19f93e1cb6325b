// What an ONNX file is, before any runtime sees it: one that points outside itself, or asks for foreign operators, is refused.
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';
import { decodeModel, type OnnxMessage, plainModel, reencodeModel } from './schema.ts';

export interface OnnxFile {
  /** The inspected model written anew: exactly what was looked at, so that a second reading of odd bytes cannot differ from ours. */
  readonly bytes: Uint8Array;
  readonly input: string;
  /** Features per row. */
  readonly columns: number;
  /** Outputs in order, with their numbers per row. */
  readonly outputs: readonly { readonly name: string; readonly columns: number }[];
  readonly metadata: Readonly<Record<string, string>>;
}

const DOMAINS = new Set(['', 'ai.onnx', 'ai.onnx.ml']);
const EXTERNAL = 1;

/** Throws `CONTRACT_BROKEN` for external data anywhere (initializers, sparse tensors, subgraphs, functions), unknown domains or fields. */
export const inspectOnnx = (bytes: Uint8Array): OnnxFile => {
  const model = decodeModel(bytes);
  visit(model, 'model');
  return { ...signatureOf(model), bytes: reencodeModel(model) };
};

interface Visited {
  readonly $unknowns?: readonly unknown[];
  readonly externalData?: readonly unknown[];
  readonly dataLocation?: number;
  readonly domain?: string;
}

/** Walks every message inside, whatever its type: no list of places to forget one in. */
const visit = (found: unknown, path: string): void => {
  if (typeof found !== 'object' || found === null || ArrayBuffer.isView(found)) return;
  if (Array.isArray(found)) {
    if (typeof found[0] === 'object') for (const [i, item] of found.entries()) visit(item, `${path}[${i}]`);
    return;
  }
  const message: Visited = found;
  if ((message.externalData?.length ?? 0) > 0 || message.dataLocation === EXTERNAL) {
    throw refused('keeps data outside the file', path);
  }
  if (message.$unknowns !== undefined) throw refused('holds fields that ONNX does not define', path);
  if (path !== 'model' && typeof message.domain === 'string' && !DOMAINS.has(message.domain)) {
    throw refused(`asks for operators of the domain ${message.domain}`, path);
  }
  for (const [name, value] of Object.entries(found)) visit(value, `${path}.${name}`);
};

const Value = z.object({
  name: z.string(),
  type: z.object({
    tensorType: z.object({ shape: z.object({ dim: z.array(z.object({ dimValue: z.number().optional() })) }) }),
  }),
});
const Signature = z.object({
  graph: z.object({ input: z.array(Value).length(1), output: z.array(Value).min(1) }),
  metadataProps: z.array(z.object({ key: z.string(), value: z.string() })),
});

const signatureOf = (model: OnnxMessage): Omit<OnnxFile, 'bytes'> => {
  const parsed = Signature.safeParse(plainModel(model));
  const [input] = parsed.data?.graph.input ?? [];
  if (!parsed.success || input === undefined) throw refused('has other than one input with its shape', 'graph.input');
  const { graph, metadataProps } = parsed.data;
  return {
    input: input.name,
    columns: columnsOf(input),
    outputs: graph.output.map((output) => ({ name: output.name, columns: columnsOf(output) })),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
  };
};

const columnsOf = ({ name, type }: z.infer<typeof Value>): number => {
  const columns = type.tensorType.shape.dim[1]?.dimValue;
  if (columns === undefined) throw refused('leaves a width open', name);
  return columns;
};

const refused = (what: string, field: string): PerennialError =>
  new PerennialError('CONTRACT_BROKEN', `This ONNX file ${what}`, {
    field,
    mend: 'Export it as one self-contained file with the operators of ai.onnx and ai.onnx.ml.',
  });
