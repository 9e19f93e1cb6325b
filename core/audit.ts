// The audit of an environment as a chain: each row's hash covers its text and the hash before it, so whoever edits, removes or reorders
// rows breaks it, and whoever cuts its tail contradicts an anchor, which is kept in another place. Pure: rows and anchors come in.
import { z } from 'zod';
import { canonicalJson, sha256 } from './commit.ts';

export interface AuditRow {
  readonly seq: number;
  /** JSON as it was hashed. */
  readonly entry: string;
  readonly previous: string;
  readonly hash: string;
}

export const AuditEntry = z.strictObject({
  seq: z.int(),
  at: z.iso.datetime({ precision: 6 }),
  /** The database account that did it. */
  account: z.string(),
  /** Who is named as having done it. */
  who: z.string().nullable(),
  what: z.string(),
  row: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export interface ChangeQuestion {
  readonly who?: string | undefined;
  /** Table and verb, as `aliases update`. */
  readonly what?: string | undefined;
  /** ISO, in UTC. */
  readonly since?: string | undefined;
  /** Only what stands before this place. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The end of a chain. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

const BEGINNING: AuditHead = { seq: 0, hash: '0'.repeat(64) };

/** What differs between the chain of changes and the chain of reads. */
export interface Chain {
  /** The end of what was expired from the front; undefined: nothing was. */
  readonly begin: AuditHead | undefined;
  /** The place that a row's text says it has; undefined for no row of this chain. */
  readonly seqOf: (entry: string) => number | undefined;
}

/** What was the end of the chain at a moment. */
export const AuditAnchor = z.strictObject({
  format: z.literal('perennial/audit-anchor/1'),
  environment: z.string(),
  /** Left out: of the changes. */
  chain: z.literal('reads').optional(),
  seq: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.iso.datetime(),
  keyId: z.string(),
  /** Base64. */
  signature: z.base64(),
});
export type AuditAnchor = z.infer<typeof AuditAnchor>;

/** What of an anchor is signed; no token and no signed model begins like this. */
export const anchorBytes = ({
  environment,
  chain,
  seq,
  hash,
  at,
}: Omit<AuditAnchor, 'format' | 'keyId' | 'signature'>): Uint8Array =>
  Buffer.from(`perennial audit anchor 1\n${canonicalJson({ environment, ...(chain && { chain }), seq, hash, at })}`);

export interface AuditFault {
  readonly seq: number;
  readonly why: string;
}

export interface AuditReport {
  readonly rows: number;
  readonly head: AuditHead;
  readonly faults: readonly AuditFault[];
}

const MOST_FAULTS = 100;

/**
 * Follows a chain to its end. With an anchor, that the chain still is what the anchor saw; `fromAnchor`: the rows begin with the anchor's
 * own, what stands before it is not looked at.
 */
export const verifyAudit = async (
  rows: AsyncIterable<AuditRow>,
  anchor: AuditHead | undefined,
  fromAnchor = false,
  { begin = BEGINNING, seqOf }: Chain = changes,
): Promise<AuditReport> => {
  const faults: AuditFault[] = [];
  let head = begin;
  let count = 0;
  // What was expired together with the anchor's row is vouched for by whoever recorded the expiry.
  let anchored = anchor === undefined || anchor.seq <= begin.seq;
  if (anchor?.seq === begin.seq && anchor.hash !== begin.hash) faults.push({ seq: begin.seq, why: WRITTEN_ANEW });
  if (fromAnchor && anchor && anchor.seq > begin.seq) head = { seq: anchor.seq - 1, hash: '' };
  for await (const row of rows) {
    for (const why of brokenBy(row, head, seqOf)) if (faults.length < MOST_FAULTS) faults.push({ seq: row.seq, why });
    if (row.seq === anchor?.seq) {
      anchored = true;
      if (row.hash !== anchor.hash) faults.push({ seq: row.seq, why: WRITTEN_ANEW });
    }
    head = { seq: row.seq, hash: row.hash };
    count += 1;
  }
  if (!anchored) faults.push({ seq: head.seq, why: `the tail was cut: the anchor knows row ${anchor?.seq}` });
  return { rows: count, head, faults };
};

const WRITTEN_ANEW = 'it is not the row that the anchor knows: the chain was written anew';

/** An empty hash of the row before: it is not known. */
const brokenBy = (row: AuditRow, before: AuditHead, seqOf: Chain['seqOf']): string[] => {
  const missing = row.seq - before.seq - 1;
  return [
    ...(missing > 0 ? [`${missing === 1 ? 'a row is' : `${missing} rows are`} missing before it`] : []),
    ...(missing < 0 ? ['it stands twice'] : []),
    ...(missing === 0 && before.hash !== '' && row.previous !== before.hash
      ? ['it does not follow the row before it']
      : []),
    ...(sha256(row.previous + row.entry) === row.hash ? [] : ['its text was changed']),
    ...(seqOf(row.entry) === row.seq ? [] : ['it was moved from another place']),
  ];
};

const changes: Chain = {
  begin: undefined,
  seqOf: (entry) => {
    try {
      return AuditEntry.safeParse(JSON.parse(entry)).data?.seq;
    } catch {
      // No JSON: then it was changed, which its hash tells.
      return undefined;
    }
  },
};
